#!/usr/bin/env node
import { journalOptions, runJournal, runProgram } from '#cli'

await runProgram({
  name: 'tfs-journal',
  usage: '[OPTIONS] STORE MOUNTPOINT',
  summary:
    'Shows the directory STORE at MOUNTPOINT and writes every change made there, data included, ' +
    'as a stream of messages to standard output. MOUNTPOINT may be STORE itself.',
  operands: { min: 2, max: 2 },
  options: journalOptions,
  examples: [
    ['tfs-journal store incoming | tfs-broadcast /tmp/tfs', 'offer a tree to mirrors'],
    ["tfs-journal src src --run 'make' > make.tfs", 'record what make changes'],
  ],
  notes:
    'SIGTERM, SIGINT and SIGHUP unmount; where somebody uses the mount, only the second one ' +
    'does. With --exec SIGHUP starts another CMD instead. SIGUSR1 prints the status. ' +
    'Requests of readers come on standard input. When the reader of the stream is gone, the ' +
    'mount goes on and changes are no longer journalled; the exit code is 1 then. SIGUSR2 ' +
    'makes the mount stand still, with all of the stream taken by its reader, until SIGCONT.',
  errors: { EINUSE: 'no', EOPTION: 'usage', EINSIDE: 'usage', EMOUNTED: 'usage' },
  run: (operands, options, { log }) => runJournal(operands, options, log),
})
