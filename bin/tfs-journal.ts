#!/usr/bin/env node
import { isatty } from 'node:tty'
import { parseDuration, runProgram, UsageError } from '#cli'
import { journal } from '#journal'

await runProgram({
  name: 'tfs-journal',
  usage: '[OPTIONS] STORE MOUNTPOINT',
  summary:
    'Shows the directory STORE at MOUNTPOINT and writes every change made there, data included, ' +
    'as a stream of messages to standard output. MOUNTPOINT may be STORE itself.',
  operands: { min: 2, max: 2 },
  options: {
    o: {
      type: 'string',
      array: true,
      describe: 'Mount options, as in -o allow_other,ro',
      requiresArg: true,
      default: [] as string[],
      defaultDescription: 'none',
    },
    exclude: {
      type: 'string',
      array: true,
      describe: "Do not journal what matches PATTERN (rsync's, like /tmp/ or *.o)",
      requiresArg: true,
      default: [] as string[],
      defaultDescription: 'none',
    },
    'on-full': {
      choices: ['block', 'detach'] as const,
      default: 'block' as const,
      describe: 'When the reader takes nothing: hold up the mount, or go on without a journal',
      requiresArg: true,
    },
    'full-timeout': {
      type: 'string',
      default: '10',
      describe: 'Seconds until --on-full detach gives up on the reader',
      requiresArg: true,
    },
    run: {
      type: 'string',
      describe: 'Run a shell command on the mount; end with it, and exit with its code',
      requiresArg: true,
    },
  },
  examples: [
    ['tfs-journal store incoming | tfs-broadcast /tmp/tfs', 'offer a tree to mirrors'],
    ["tfs-journal src src --run 'make' > make.tfs", 'record what make changes'],
  ],
  errors: { EINUSE: 'no', EOPTION: 'usage', EINSIDE: 'usage' },
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
