#!/usr/bin/env node
import { runProgram, runSpool, spoolErrors, spoolOptions } from '#cli'

await runProgram({
  name: 'tfs-spool',
  usage: '[OPTIONS] [ls|verify|trim] DIR',
  summary:
    'Appends a stream from standard input to the spool DIR, and gives it on to standard output ' +
    'as fast as that takes it. With --follow or --from prints what the spool DIR holds.',
  operands: { min: 1, max: 2 },
  options: spoolOptions,
  examples: [
    ['tfs-journal s m | tfs-spool --keep 10G q | tfs-broadcast /tmp/tfs', 'a queue on disk'],
    ['tfs-spool --follow --reader copy q | tfs-mirror - copy', 'a mirror that may be away'],
    ['tfs-spool --from before-upgrade q | tfs-dump', 'what was done since a mark'],
    ['cat q/*.tfs | tfs-mirror - copy', 'a spool is a stream'],
    ['tfs-spool ls q', 'segments, marks, readers'],
  ],
  notes:
    'What the spool has already is dropped, so that a source may send it again; what is missing ' +
    'is named by a gap. A reader that is gone does not end it, nor does a full disk: the input ' +
    'waits until there is room. Readers are listed in DIR/readers; remove the file of one that ' +
    'does not come back. A registered reader gets the last 4 MiB again. SIGUSR1 prints the state.',
  errors: spoolErrors,
  run: (operands, options, { log }) => runSpool(operands, options, log),
})
