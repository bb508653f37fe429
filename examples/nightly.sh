#!/bin/sh
# A mirror under cron, whose source takes requests (tfs-journal --exec): rsync brings it up to date each
# night, it follows the stream all day, and each week it is compared. What is printed cron mails: nothing,
# unless something differs or fails. See the file crontab-verify.
#
#   nightly.sh seed SOCKET MIRROR FROM      rsync from FROM, then follows, until the next one ends it
#   nightly.sh verify SOCKET MIRROR         prints what differs, exit code 1; follows again, in background
set -eu
PATH="$(dirname "$0")/../build/bin:$PATH"
usage() { echo "usage: $0 seed SOCKET MIRROR FROM | verify SOCKET MIRROR" >&2; exit 100; }
[ $# -ge 3 ] || usage
what=$1 socket=$2 mirror=$3 log=$3.log

# The mirror of an earlier run has the lock, with its process id in it, as long as it lives.
lock=$mirror/.tfs/lock
if [ -e "$lock" ] && ! flock -n "$lock" true; then
  # One that has just begun has still to write it.
  for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s "$lock" ] || sleep 1; done
  kill "$(cat "$lock")"
  flock -w 60 "$lock" true
fi

case $what in
  seed)
    [ $# -eq 4 ] || usage
    export FROM="$4" MIRROR="$mirror"
    # No -H: rsync may wait for ever for a hard link whose other names change meanwhile.
    # shellcheck disable=SC2016 # For the shell that tfs-mirror starts.
    tfs-mirror -q --follow --check --seed \
      'rsync -aAX --numeric-ids --delete --exclude=/.tfs "$FROM/" "$MIRROR"' \
      "$socket" "$mirror" &
    pid=$! status=0
    trap 'kill "$pid"' HUP INT TERM
    while kill -0 "$pid" 2>/dev/null; do
      wait "$pid" 2>/dev/null && status=0 || status=$?
    done
    # The next one has ended it.
    [ "$status" -ne 143 ] || status=0
    exit "$status"
    ;;
  verify)
    status=0
    tfs-mirror -q --verify "$socket" "$mirror" || status=$?
    # Not to hold up the mail.
    setsid tfs-mirror --follow --check "$socket" "$mirror" >>"$log" 2>&1 </dev/null &
    exit "$status"
    ;;
  *) usage ;;
esac
