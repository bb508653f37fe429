#!/bin/sh
# Makes MIRROR an exact copy of a tree that is in use, and keeps it one: rsync brings what is there, the
# stream brings what changes from then on. Started again it heals MIRROR, whatever has happened to it; a
# mirror that an earlier run left at work makes room. See the file crontab.
#
#   bootstrap-rsync.sh SOCKET MIRROR [RSYNC-OPTIONS]    SOCKET as given to start.sh
#   bootstrap-rsync.sh                                  shows it, with a writer that never rests
#
# The order makes it exact:
#
#   1. rsync copies while everybody works. The result is a mixture of old and new, but most of it is
#      there, and nobody had to wait.
#   2. The journal gets SIGUSR2: it finishes the call at hand, waits until the broadcast has taken all of
#      the stream, and stands still. STORE is now exactly what the stream has said so far.
#   3. rsync again: what differs. Nothing changes meanwhile.
#   4. The mirror joins. The first message that it gets is the first that rsync has not seen.
#   5. The journal gets SIGCONT and goes on.
#
# Why not simply record the stream, copy, and replay the record on top? A file that is renamed while
# rsync walks the tree can be missed at its old place and at its new one, and the record has its new name
# but not its content.
#
# The promise: from 5 on MIRROR is what STORE was after some message, and when it has caught up they are
# equal. During 3 and 4 calls on the mount wait, without an error, as long as rsync takes to walk the
# tree and to copy what changed during 1; after HOLD_MAX seconds (600) it gives up, and they go on.
# What rsync takes for equal, by size and time to the nanosecond, it does not read: --checksum does.
# Not covered, as ever: who writes into STORE behind the mount.
set -eu

if [ $# -eq 0 ]; then
  # shellcheck source=examples/demo.sh
  . "$(dirname "$0")/demo.sh"
  demo_mount
  # shellcheck disable=SC2016 # For the shell that is started.
  demo_run sh -c 'cd "$1" && while [ ! -e "$2" ]; do
      i=$((${i:-0} + 1)); mkdir "new$i"; echo "$i" >"new$i/a"; mv "new$i" "tree$((i % 50)).$i"
      seq 999 >table.new; mv table.new table; rm -rf "tree$((i % 50)).$((i - 50))"
    done' writer "$dir/mount" "$dir/stop"
  writer=$!
  demo_await test -e "$dir/mount/tree9.9"
  demo_run "$0" "$dir/socket" "$dir/mirror"
  demo_await grep -q follows "$dir/mirror.log"
  mirror=$!
  sleep 1
  touch "$dir/stop"
  wait "$writer"
  demo_unmount
  wait "$mirror"
  demo_compare "$dir/store" "$dir/mirror"
  exit
fi

[ $# -ge 2 ] || { echo "usage: $0 [SOCKET MIRROR [RSYNC-OPTIONS]]" >&2; exit 100; }
PATH="$(dirname "$0")/../build/bin:$PATH"
socket=$1 mirror=$2 log=${LOG:-$2.log}
shift 2
journal=$(cat "$socket.pid")
# The real tree, as start.sh has it; where the mount covers it there is no other way to it.
store=/proc/$journal/cwd
say() { echo "${0##*/}: $*"; }
fail() { say "$*" >&2; exit 1; }

mkdir -p "$mirror"
[ -d "$mirror/.tfs" ] || [ -z "$(ls -A "$mirror")" ] ||
  fail "$mirror is not empty and no mirror; rsync --delete would remove what is in it"

# copy SECONDS [RSYNC-OPTIONS]: makes MIRROR what STORE is.
copy() {
  seconds=$1
  shift
  timeout "$seconds" rsync -aHAX --sparse --numeric-ids --modify-window=-1 --delete \
    --exclude=/.tfs "$@" "$store/" "$mirror/"
}

# await WHY COMMAND...: waits until it succeeds.
await() {
  why=$1
  shift
  for _ in $(seq 300); do
    if "$@" 2>/dev/null; then return; fi
    sleep 0.1
  done
  fail "$why"
}

# The mirror of an earlier run has the lock, with its process id in it, as long as it lives.
lock=$mirror/.tfs/lock
if [ -e "$lock" ] && ! flock -n "$lock" true; then
  say 'ends the mirror of an earlier run'
  kill "$(cat "$lock")"
  flock -w 60 "$lock" true
fi

say 'rsync, while everybody works'
# 23 and 24: files went away while it was looking.
copy 1000000 "$@" || case $? in 23 | 24) ;; *) fail 'rsync failed' ;; esac

trap 'kill -CONT "$journal"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
kill -USR2 "$journal"
await 'some reader of the stream takes nothing; SIGUSR1 makes tfs-broadcast say which' \
  grep -q '^State:.*T' "/proc/$journal/status"
say 'rsync, while the mount stands still'
copy "${HOLD_MAX:-600}" "$@" || fail 'rsync failed'

# What was noted of the mirror until now no longer holds.
rm -f "$mirror/.tfs/position" "$mirror/.tfs/suspects"
setsid tfs-mirror -v --force "$socket" "$mirror" 2>"$log" &
pid=$!
await "the mirror did not start, see $log" grep -q follows "$log"

trap - EXIT
kill -CONT "$journal"
say "$mirror follows the stream; what it has to say goes to $log"
trap 'kill "$pid"' HUP INT TERM
status=0
while kill -0 "$pid" 2>/dev/null; do
  wait "$pid" && status=0 || status=$?
done
exit "$status"
