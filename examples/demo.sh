#!/bin/sh
# What the other examples share, read by them with the dot command: a directory below /tmp, processes
# that end with the script however it ends, waiting, comparing. After demo_mount there are
#
#   $dir/store    the real tree        $dir/mount    where to work        $dir/socket    the stream
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH="$here/../build/bin:$PATH"
dir=$(mktemp -d "${TMPDIR:-/tmp}/tfs-example.XXXXXX")
running=

demo_end() {
  status=$?
  trap - EXIT INT TERM HUP
  for pid in $running; do
    kill "$pid" 2>/dev/null || :
    wait "$pid" || :
  done
  [ "$status" -eq 0 ] || cat "$dir"/*.log 2>/dev/null >&2 || :
  # Not into a mount, should one be left.
  rm -rf --one-file-system "$dir"
  exit "$status"
}
trap demo_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# Runs a command in the background until the script ends. Its process id is $!.
demo_run() {
  "$@" &
  running="$! $running"
}

# Waits until a command succeeds.
demo_await() {
  for _ in $(seq 300); do
    if "$@" 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "$0: in vain for 30 s: $*" >&2
  exit 1
}

# Mounts and broadcasts, by start.sh.
demo_mount() {
  demo_run "$here/start.sh" "$dir/store" "$dir/mount" "$dir/socket"
  start=$!
  demo_await mountpoint -q "$dir/mount"
  demo_await test -S "$dir/socket"
}

# Unmounts; the stream comes to its end, and with it all who read it.
demo_unmount() {
  kill "$start"
  wait "$start" || :
}

# demo_mirror SOCKET DIR: a mirror in the background, which misses nothing from now on.
demo_mirror() {
  demo_run tfs-mirror -v "$1" "$2" 2>"$2.log"
  demo_await grep -q follows "$2.log"
}

# Compares two trees in all that TFS promises. Prints what differs, and then ends with exit code 1.
demo_compare() {
  rsync -aHAXn --delete --itemize-changes --exclude=/.tfs "$1/" "$2/" >"$dir/differences"
  if [ -s "$dir/differences" ]; then
    cat "$dir/differences"
    echo "not equal: $1 $2" >&2
    exit 1
  fi
  echo "equal: ${1##*/} and ${2##*/}, $(find "$1" | wc -l) names"
}
