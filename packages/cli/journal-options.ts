// What tfs-journal takes.

import type { ProgramOptions } from './program.js'

export const journalOptions = {
  o: {
    type: 'string',
    array: true,
    describe: 'Mount options, as in -o allow_other,ro',
    requiresArg: true,
    default: [],
    defaultDescription: 'none',
  },
  exclude: {
    type: 'string',
    array: true,
    describe: "Do not journal what matches PATTERN (rsync's, like /tmp/ or *.o)",
    requiresArg: true,
    default: [],
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
  spool: {
    type: 'string',
    describe: 'Append the stream to the spool DIR as well, or instead where stdout is a terminal',
    requiresArg: true,
  },
  'spool-sync': {
    type: 'string',
    describe: 'Make the spool durable each SECONDS, "always" at each message, or "none"',
    requiresArg: true,
    defaultDescription: '1, and when something on the mount is synced',
  },
  'segment-size': {
    type: 'string',
    describe: 'Begin another file of the spool after so much',
    requiresArg: true,
    defaultDescription: '64M',
  },
  'assert-rate': {
    type: 'string',
    describe: 'Content that assertions may send or hash in a second, like 50M',
    requiresArg: true,
    defaultDescription: 'no limit',
  },
  exec: {
    type: 'string',
    describe: 'Give the stream to a shell command instead, and start that again when it ends',
    requiresArg: true,
  },
  replicas: {
    type: 'string',
    describe: 'Let fsync on the mount return when so many mirrors have it on disk',
    requiresArg: true,
    default: '0',
  },
  'replicas-timeout': {
    type: 'string',
    describe: 'Seconds that it waits for them, then fails: 30,fail; or does not: 30,warn',
    requiresArg: true,
    defaultDescription: 'never: no end',
  },
  run: {
    type: 'string',
    describe: 'Run a shell command on the mount; end with it, and exit with its code',
    requiresArg: true,
  },
} as const satisfies ProgramOptions
