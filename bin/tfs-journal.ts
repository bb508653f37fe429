#!/usr/bin/env node
import { isatty } from 'node:tty'
import { journalOptions, parseDuration, runProgram, UsageError } from '#cli'
import { journal } from '#journal'

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
    'does. When the reader of the stream is gone, the mount goes on and changes are no longer ' +
    'journalled; the exit code is 1 then. SIGUSR2 makes the mount stand still, with all of the ' +
    'stream taken by its reader, until SIGCONT.',
  errors: { EINUSE: 'no', EOPTION: 'usage', EINSIDE: 'usage', EMOUNTED: 'usage' },
  async run([store = '', mountpoint = ''], options, { log }) {
    if (isatty(1))
      throw new UsageError('the stream is not for a terminal: add | tfs-broadcast SOCKET or > FILE')
    return journal({
      store,
      mountpoint,
      mountOptions: options.o,
      exclude: options.exclude.map((pattern) => ({ exclude: true, pattern })),
      onFull: options['on-full'],
      fullTimeoutMs: parseDuration(options['full-timeout'], '--full-timeout'),
      run: options.run,
      outputFd: 1,
      log,
      verbose: log.verbose,
    })
  },
})
