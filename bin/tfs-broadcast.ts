#!/usr/bin/env node
import { broadcastOptions, runBroadcast, runProgram } from '#cli'

await runProgram({
  name: 'tfs-broadcast',
  usage: '[OPTIONS] (SOCKET | --run CMD)',
  summary:
    'Reads a stream from standard input and passes it on to every client of the Unix socket ' +
    'SOCKET. Writes what clients send back to standard output, unless that is a terminal.',
  operands: { min: 0, max: 1 },
  options: broadcastOptions,
  examples: [
    ['tfs-journal store incoming | tfs-broadcast /tmp/tfs', 'offer a tree to mirrors'],
    ['tfs-mirror /tmp/tfs copy', 'a mirror of it'],
    ['nc -U /tmp/tfs > tree.tfs', 'a recording of it'],
    ["tfs-broadcast --from tree.tfs --run 'tfs-mirror $TFS_SOCKET copy'", 'replay a recording'],
  ],
  notes:
    'With --slow block nothing is lost, and the slowest client sets the pace. With --slow drop a ' +
    'client whose backlog is full loses what waits for it and is told which messages these were. ' +
    'A recorded stream is read at once, so give it with --run, or its readers come too late. ' +
    'SIGUSR1 prints the clients, their backlog and counters to standard error. With --run, what ' +
    'clients send back is discarded: standard output belongs to the command.',
  errors: {
    ESOCKET_LONG: 'usage',
    ESOCKET_LIVE: 'no',
    ESOCKET_KIND: 'no',
    ESOCKET_OWNER: 'no',
  },
  run: (operands, options, { log }) => runBroadcast(operands, options, log),
})
