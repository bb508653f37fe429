#!/usr/bin/env node
import { mirrorOptions, runMirror, runProgram, spoolErrors } from '#cli'

await runProgram({
  name: 'tfs-mirror',
  usage: '[OPTIONS] [SOURCE] DIR',
  summary:
    'Replays a stream into the directory DIR. SOURCE is the socket of a tfs-broadcast, a spool, ' +
    'a recorded stream, [USER@]HOST:PATH of one of those, or - for standard input, which is the ' +
    'default.',
  operands: { min: 1, max: 2 },
  options: mirrorOptions,
  examples: [
    ['tfs-mirror /tmp/tfs copy', 'mirror what tfs-broadcast offers'],
    ['tfs-mirror host:/tmp/tfs copy', 'what another host offers'],
    ['tfs-mirror --until before-upgrade spool copy', 'go to a mark in a spool'],
    ['tfs-mirror --until 2026-01-31T12:00:00Z tree.tfs copy', 'go to a point in time'],
    ['tfs-mirror --tee /tmp/tfs copy | tfs-broadcast /tmp/next', 'chain mirrors'],
  ],
  notes:
    'DIR must be empty or missing, or a mirror already: DIR/.tfs keeps its position, and a ' +
    'mirror that is started again goes on there. What stood in the way is in DIR/.tfs/displaced; ' +
    'paths where the mirror differed are listed in DIR/.tfs/suspects, and make the exit code 1 ' +
    'until that file is removed. A connection that breaks is made again, for ever. SIGUSR1 ' +
    'prints the state.',
  errors: {
    EMIRROR_REFUSED: 'badStream',
    EMIRROR_POSITION: 'badStream',
    EMIRROR_ABORT: 'badStream',
    EMIRROR_SOURCE: 'badStream',
    EMIRROR_DIVERGED: 'no',
    EMIRROR_PAST: 'no',
    EMIRROR_ADOPT: 'no',
    EMIRROR_BUSY: 'no',
    EMIRROR_COMPARE: 'no',
    ...spoolErrors,
  },
  run: (operands, options, { log }) => runMirror(operands, options, log),
})
