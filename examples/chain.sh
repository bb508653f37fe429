#!/bin/sh
# Mirrors in a chain: the second does not ask the source but the first, which passes the stream on with
# --tee, each message once it has applied it. So the source has one client, whatever comes behind it.
#
#   chain.sh SOCKET MIRROR NEXT     mirrors SOCKET into MIRROR and offers the stream again at NEXT
#   chain.sh                        shows it, with two mirrors in a row
set -eu

if [ $# -eq 3 ]; then
  PATH="$(dirname "$0")/../build/bin:$PATH"
  tfs-mirror --tee "$1" "$2" | tfs-broadcast "$3" >/dev/null
  exit
fi
[ $# -eq 0 ] || { echo "usage: $0 [SOCKET MIRROR NEXT]" >&2; exit 100; }

# shellcheck source=examples/demo.sh
. "$(dirname "$0")/demo.sh"
demo_mount
demo_run "$0" "$dir/socket" "$dir/first" "$dir/next"
chain=$!
demo_await test -S "$dir/next"
# The first mirror has the beginning of the stream, so that the second can have it, too.
demo_mirror "$dir/next" "$dir/second"
second=$!

(cd "$dir/mount" && mkdir a && seq 100000 >a/numbers && ln a/numbers b && mv a c)
demo_unmount
wait "$chain" "$second"
demo_compare "$dir/store" "$dir/first"
demo_compare "$dir/store" "$dir/second"
