#!/bin/sh
# A stream is a file like any other: it records what a command changes, and can be replayed later, as
# often as one likes and as far as one likes.
#
#   record-and-replay.sh     shows it in a directory below /tmp
# shellcheck source=examples/demo.sh
. "$(dirname "$0")/demo.sh"
cd "$dir"
mkdir store mount

echo 'Record what happens, an accident included:'
tfs-journal store mount --run '
  seq 1000 >numbers; mkdir drafts; cp numbers drafts/1; cp numbers drafts/2
  date +@%s.%N >../before; sleep 0.1
  rm -r drafts' >changes.tfs
echo "  left in the store: $(ls store)"
tfs-dump --check changes.tfs | sed -n '1s/^/  recorded: /p'

echo 'Replay all of it:'
tfs-mirror changes.tfs copy
demo_compare store copy

echo 'Replay it up to just before the accident:'
tfs-mirror --until "$(cat before)" changes.tfs rescued
echo "  again there: $(cd rescued && echo drafts/*)"

echo 'And go on from there to the end:'
tfs-mirror changes.tfs rescued
demo_compare store rescued
