#!/usr/bin/env node
import { catOptions, runCat, runProgram, spoolErrors } from '#cli'

await runProgram({
  name: 'tfs-cat',
  usage: '[OPTIONS] SOURCE',
  summary:
    'Writes a stream to standard output, whatever becomes of its connections: where one breaks, ' +
    'it is made again, for ever, and goes on behind the last message. SOURCE is the socket of a ' +
    'tfs-broadcast, a spool, a recorded stream, or [USER@]HOST:PATH of one.',
  operands: { min: 1, max: 1 },
  options: catOptions,
  examples: [
    ['tfs-cat host:/tmp/tfs | tfs-broadcast /tmp/tfs', 'offer here what a host offers'],
    ['tfs-cat /tmp/tfs | gzip > tree.tfs.gz', 'record'],
  ],
  notes:
    'Requests on standard input (messages, see tfs-dump --spec) go to the source. Whatever ' +
    'program reads HOST:PATH starts this one on HOST. SIGUSR1 prints the state.',
  errors: spoolErrors,
  run: (operands, options, { log }) => runCat(operands, options, log),
})
