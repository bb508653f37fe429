#!/bin/sh
# From a fresh clone to a tree that is cloned live, in one command.
#
#   quickstart.sh                      shows it: changes on a mount, and how they arrive in a mirror
#   quickstart.sh SOURCE [MIRROR]      your directory SOURCE, until Ctrl-C; MIRROR is SOURCE.mirror if
#                                      not given, and must be new, empty or a mirror
#
# Installs and builds what is missing. With SOURCE it mounts over SOURCE itself, so that everybody goes
# on working where they always do, and lets rsync bring MIRROR up to date first. At the end it compares
# the two trees with rsync; exit code 0 says that they are equal. Needs no root, but see "missing".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(dirname "$here")
PATH="$top/build/bin:$PATH"

main() {
  [ $# -le 2 ] || { echo "usage: $0 [SOURCE [MIRROR]]" >&2; exit 100; }
  need_node
  need_packages
  need_fuse
  build
  dir=$(mktemp -d "${TMPDIR:-/tmp}/tfs-quickstart.XXXXXX")
  trap end EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [ $# -eq 0 ]; then show; else work "$@"; fi
}

fail() {
  printf 'quickstart: %s\n' "$@" >&2
  exit 111
}

need_node() {
  if ! command -v npm >/dev/null || ! node -e 'const [a, b] = process.versions.node.split(".")
      process.exitCode = a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1'; then
    fail 'missing: Node.js 20.19 or newer, with npm' \
      'cure: https://nodejs.org/en/download, or from Debian 13 on: apt-get install nodejs npm'
  fi
}

need_packages() {
  missing=
  command -v rsync >/dev/null || missing="$missing rsync"
  # root mounts by itself.
  [ "$(id -u)" -eq 0 ] || command -v fusermount3 >/dev/null || missing="$missing fuse3"
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "installing:$missing"
    # shellcheck disable=SC2086 # Several words.
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null &&
      return
  fi
  fail "missing:$missing" "cure, as root: apt-get install$missing"
}

need_fuse() {
  container='in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN'
  [ -c /dev/fuse ] ||
    fail 'missing: /dev/fuse' "cure, as root: modprobe fuse; $container"
  if [ "$(id -u)" -eq 0 ]; then
    # Bit 21 is CAP_SYS_ADMIN (capabilities(7)).
    [ $((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) >> 21 & 1)) -eq 1 ] ||
      fail 'missing: the privilege to mount (CAP_SYS_ADMIN)' "cure: $container"
  else
    { true <>/dev/fuse; } 2>/dev/null ||
      fail 'missing: permission to open /dev/fuse' 'cure, as root: chmod 666 /dev/fuse'
  fi
}

# Only in a clone, and only where something is newer than what was built from it.
build() (
  cd "$top"
  [ -e package-lock.json ] || return 0
  if [ ! -e node_modules/koffi ]; then
    echo 'installing and building (npm ci)'
    npm ci --no-audit --no-fund --loglevel=error >/dev/null
  elif [ ! -e build/bin/tfs-mirror ] ||
    [ -n "$(find bin packages -name '*.ts' -newer build/bin/tfs-mirror.js)" ]; then
    echo 'building (npm run build)'
    npm run build --silent
  fi
)

show() {
  cd "$dir"
  mkdir store mount
  seq 1000 >store/old
  begin store mount mirror
  echo "  store   $dir/store: a directory"
  echo "  mount   $dir/mount: shows it, by tfs-journal"
  echo "  mirror  $dir/mirror: by tfs-mirror, from the socket of tfs-broadcast"
  step 'mkdir notes; echo one >notes/today' 'cat notes/today'
  step 'echo two >>notes/today; mv notes kept' 'cat kept/today'
  step 'ln kept/today link; ln -s link soft' 'stat -c "%h names, %N" link soft'
  step 'chmod 600 old; touch -d "1969-07-20 20:17:40.5 UTC" old' 'stat -c "%A %Y.%y" old'
  step 'truncate -s 5G large; echo end >>large' 'stat -c "%s bytes" large; tail -c 4 large'
  step 'rm large; mkfifo pipe' 'ls -F'
  # shellcheck disable=SC2016 # For the shell that is started.
  step 'cp -R "$0" copy; rm -r kept' 'find copy | wc -l' "$here"
  finish store mirror
}

work() {
  # A dead mount of an earlier run is in the way of all that follows.
  case $(LC_ALL=C stat -f -- "$1" 2>&1) in
    *'not connected'*) umount -l "$1" 2>/dev/null || fusermount3 -u -z "$1" ;;
  esac
  [ -d "$1" ] || fail "$1 is not a directory"
  source=$(cd "$1" && pwd -P)
  mirror=${2:-$source.mirror}
  mkdir -p "$mirror"
  mirror=$(cd "$mirror" && pwd -P)
  case "$mirror/" in "$source"/*) fail "the mirror $mirror lies in the source $source" ;; esac
  case "$source/" in "$mirror"/*) fail "the source $source lies in the mirror $mirror" ;; esac
  begin "$source" "$source" "$mirror"
  trap 'kill "$start" 2>/dev/null || :' INT TERM HUP
  echo
  echo "Go on working in $source: what changes there arrives in $mirror at once."
  echo 'Shells that were in it before stand behind the mount, unseen: cd there again.'
  echo 'Ctrl-C ends it.'
  wait_for "$start"
  finish "$source" "$mirror"
}

# begin STORE MOUNTPOINT MIRROR: mounts, broadcasts, mirrors. In sessions of their own, out of the reach
# of Ctrl-C: they end in their order.
begin() {
  before=$(stat -c %d "$2")
  setsid "$here/start.sh" "$1" "$2" "$dir/socket" &
  start=$!
  until [ "$(stat -c %d "$2")" != "$before" ] && [ -S "$dir/socket" ]; do
    kill -0 "$start" 2>/dev/null || exit 111
    sleep 0.05
  done
  LOG=$dir/log setsid "$here/bootstrap-rsync.sh" "$dir/socket" "$3" >"$dir/said" 2>&1 &
  mirroring=$!
  until grep -q 'follows the stream' "$dir/said"; do
    kill -0 "$mirroring" 2>/dev/null || { cat "$dir/said" >&2; exit 111; }
    sleep 0.05
  done
}

# step COMMAND LOOK [$0]: does something on the mount, and waits until it looks the same in the mirror.
step() {
  (cd mount && sh -c "$1" "${3:-sh}")
  printf '\n  on the mount   %s\n' "$1"
  wanted=$(cd mount && sh -c "$2" 2>&1)
  for _ in $(seq 1000); do
    seen=$(cd mirror && sh -c "$2" 2>&1) || :
    [ "$seen" != "$wanted" ] || break
    sleep 0.02
  done
  printf '%s\n' "$seen" | sed '1s/^/  in the mirror  /; 2,$s/^/                 /'
  [ "$seen" = "$wanted" ] || fail 'it has not arrived within 20 s' "$(cat "$dir/log")"
}

# finish STORE MIRROR: ends it all in order, and compares.
finish() {
  kill "$start" 2>/dev/null || :
  wait_for "$start"
  # It ends with the stream; where the stream broke off it would wait for another one.
  timeout 60 tail -f --pid="$mirroring" /dev/null || kill "$mirroring"
  wait_for "$mirroring"
  [ "$status" -eq 0 ] || cat "$dir/log" >&2
  echo
  compare='rsync -aHAXn --delete --itemize-changes --exclude=/.tfs'
  $compare "$1/" "$2/" >"$dir/differences"
  if [ -s "$dir/differences" ]; then
    sed 's/^/  /' "$dir/differences"
    echo "Not equal: $compare says the above." >&2
    exit 1
  fi
  echo "Equal, $(find "$1" | wc -l) names: $compare prints nothing."
}

# Waits for a child, through signals, and leaves its exit code in $status.
wait_for() {
  status=0
  while kill -0 "$1" 2>/dev/null; do
    wait "$1" 2>/dev/null && status=0 || status=$?
  done
}

# Whatever has happened: no mount, no process, no temporary file stays.
end() {
  result=$?
  trap '' INT TERM HUP
  trap - EXIT
  for pid in ${start:-} ${mirroring:-}; do
    for try in $(seq 100); do
      # The second signal does not wait for those who use the mount.
      [ $((try % 50)) -ne 1 ] || kill "$pid" 2>/dev/null || break
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    wait "$pid" 2>/dev/null || :
  done
  cd /
  rm -rf --one-file-system "$dir"
  exit "$result"
}

main "$@"
