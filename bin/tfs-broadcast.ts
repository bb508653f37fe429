#!/usr/bin/env node
import { broadcastOptions, runBroadcast, runProgram } from '#cli'

await runProgram({
  name: 'tfs-broadcast',
  usage: '[OPTIONS] (SOCKET | --run CMD)',
  summary:
    'Reads a stream from standard input and passes it on to every client of the Unix socket ' +
    'SOCKET; with --spool keeps it, and clients get what they have missed. Writes what clients ' +
    'send back to standard output, unless that is a terminal.',
  operands: { min: 0, max: 1 },
  options: broadcastOptions,
  examples: [
    ['tfs-journal store incoming | tfs-broadcast /tmp/tfs', 'offer a tree to mirrors'],
    ['tfs-mirror /tmp/tfs copy', 'a mirror of it'],
    ['tfs-broadcast --spool /var/spool/tree --keep 10G /tmp/tfs', 'clients may be away'],
    ['nc -U /tmp/tfs > tree.tfs', 'a recording of it'],
    ["tfs-broadcast --from tree.tfs --run 'tfs-mirror $TFS_SOCKET copy'", 'replay a recording'],
  ],
  notes:
    'A client that sends subscribe gets what follows its position: from memory, from the spool, ' +
    'or, where that is gone, with a gap before it. With --slow block nothing is lost, and the ' +
    'slowest client sets the pace. With --slow drop a client whose backlog is full loses what ' +
    'waits for it and is told which messages these were. ' +
    'A recorded stream is read at once, so give it with --run, or its readers come too late. ' +
    'SIGUSR1 prints the state, the clients, how far they are behind and what they acknowledge to ' +
    'standard error. With --run, what clients send back does not go to standard output, which ' +
    'belongs to the command.',
  errors: {
    ESOCKET_LONG: 'usage',
    ESOCKET_LIVE: 'no',
    ESOCKET_KIND: 'no',
    ESOCKET_OWNER: 'no',
    ESPOOL_DAMAGED: 'badStream',
    ESPOOL_MISSING: 'badStream',
    ESPOOL_LOCKED: 'no',
  },
  run: (operands, options, { log }) => runBroadcast(operands, options, log),
})
