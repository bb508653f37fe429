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
  run: {
    type: 'string',
    describe: 'Run a shell command on the mount; end with it, and exit with its code',
    requiresArg: true,
  },
} as const satisfies ProgramOptions
