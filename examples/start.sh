#!/bin/sh
# The start file of a tree that is always mounted: what is in STORE is shown at MOUNTPOINT, where
# people and programs work, and whoever connects to SOCKET gets every change.
#
#   start.sh STORE MOUNTPOINT SOCKET     until SIGINT (Ctrl-C) or SIGTERM, then it unmounts
#   start.sh                             the same with a new directory below /tmp, to try it out
#
# MOUNTPOINT may be STORE itself. From cron: see the file crontab. For systemd: ExecStart= this,
# KillMode=mixed, so that the signal comes here and not to the broadcast, too.
#
# SOCKET.pid holds the journal's process id, for bootstrap-rsync.sh and whoever else sends it signals.
set -eu
PATH="$(dirname "$0")/../build/bin:$PATH"

if [ $# -eq 0 ]; then
  dir=$(mktemp -d "${TMPDIR:-/tmp}/tfs-start.XXXXXX")
  set -- "$dir/store" "$dir/mount" "$dir/socket"
  echo "work in $2, and follow it with: tfs-mirror $3 DIR   (Ctrl-C ends it; it stays in $dir)"
fi
[ $# -eq 3 ] || { echo "usage: $0 [STORE MOUNTPOINT SOCKET]" >&2; exit 100; }

absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
store=$(absolute "$1") mountpoint=$(absolute "$2") socket=$(absolute "$3")

# kill -9 leaves a dead mount, on which every call fails. (tfs-journal replaces one by itself, but below
# there is more to do.)
case $(LC_ALL=C stat -f -- "$mountpoint" 2>&1) in
  *'not connected'*) umount -l -- "$mountpoint" 2>/dev/null || fusermount3 -u -z -- "$mountpoint" ;;
esac
mkdir -p -- "$store" "$mountpoint"

pipe=$(mktemp -u "${TMPDIR:-/tmp}/tfs-start.XXXXXX")
mkfifo -m 600 "$pipe"
# In sessions of their own, so that Ctrl-C comes to this script alone: the journal must end first,
# and the broadcast when it has passed on the end of the stream. The journal's working directory is the
# real tree, so that this can be read at /proc/PID/cwd, also where the mount covers it.
(cd "$store" && exec setsid tfs-journal "$store" "$mountpoint" >"$pipe") &
journal=$!
# What mirrors acknowledge is of no use without --replicas.
setsid tfs-broadcast "$socket" <"$pipe" >/dev/null &
broadcast=$!
echo "$journal" >"$socket.pid"
trap 'kill "$journal" 2>/dev/null || :' INT TERM HUP

# Waits for a process to end, also where signals come before. (A mount in use refuses the first one.)
await() {
  status=0
  while kill -0 "$1" 2>/dev/null; do
    wait "$1" 2>/dev/null && status=0 || status=$?
  done
}
await "$broadcast"
result=$status
kill "$journal" 2>/dev/null || : # Without its broadcast the mount is of no use here.
await "$journal"
rm -f "$pipe" "$socket.pid"
exit "$result"
