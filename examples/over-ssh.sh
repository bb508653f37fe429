#!/bin/sh
# A mirror on another machine. ssh carries the stream as it carries anything; on the far side nc (Debian:
# netcat-openbsd) or socat reads the socket.
#
#   over-ssh.sh HOST SOCKET DIR     mirrors what tfs-broadcast on HOST offers at SOCKET into DIR here
#   over-ssh.sh                     shows it with this machine as HOST: through an sshd of its own, with
#                                   a key and settings of its own, or without ssh where that is missing
#
# $RSH is what reaches HOST: ssh, with options if you like. When the connection breaks, the mirror stops
# with exit code 2 at the last message it had. What is sent until it is back it misses, and says so when
# it is started again; then it has to be made whole as bootstrap-rsync.sh does it.
set -eu

if [ $# -eq 3 ]; then
  PATH="$(dirname "$0")/../build/bin:$PATH"
  # Word splitting is wanted: $RSH may have options.
  # shellcheck disable=SC2086
  ${RSH:-ssh} "$1" "nc -U '$2'" </dev/null | tfs-mirror -v - "$3"
  exit
fi
[ $# -eq 0 ] || { echo "usage: $0 [HOST SOCKET DIR]" >&2; exit 100; }

# shellcheck source=examples/demo.sh
. "$(dirname "$0")/demo.sh"
command -v nc >/dev/null || { echo 'nc is missing: apt-get install netcat-openbsd' >&2; exit 111; }
demo_mount

if sshd=$(PATH=$PATH:/usr/sbin command -v sshd) && command -v ssh >/dev/null; then
  echo 'by ssh, through an sshd of this script'
  [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd # Where sshd locks itself in, as root.
  ssh-keygen -q -t ed25519 -N '' -f "$dir/host-key"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/user-key"
  echo "source $(cat "$dir/host-key.pub")" >"$dir/known-hosts"
  cat >"$dir/sshd-config" <<END
HostKey $dir/host-key
AuthorizedKeysFile $dir/user-key.pub
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
END
  cat >"$dir/ssh-config" <<END
Host source
  ProxyCommand $sshd -i -f $dir/sshd-config
  IdentityFile $dir/user-key
  IdentitiesOnly yes
  UserKnownHostsFile $dir/known-hosts
  BatchMode yes
END
  RSH="ssh -F $dir/ssh-config"
else
  echo 'without ssh, which is not installed here'
  cat >"$dir/rsh" <<'END'
shift
exec sh -c "$*"
END
  RSH="sh $dir/rsh"
fi
export RSH

demo_run "$0" source "$dir/socket" "$dir/copy" 2>"$dir/copy.log"
far=$!
demo_await grep -q follows "$dir/copy.log"
(cd "$dir/mount" && mkdir a && seq 100000 >a/numbers && mv a/numbers far-away)
demo_unmount
wait "$far"
demo_compare "$dir/store" "$dir/copy"
