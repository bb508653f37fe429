// What tfs-cat takes, and what every program takes that reads a SOURCE from afar.

import type { ProgramOptions } from './program.js'

export const shellOptions = {
  rsh: {
    type: 'string',
    alias: 'e',
    default: 'ssh',
    describe: 'The remote shell to use, with its options',
    requiresArg: true,
  },
  'tfs-path': {
    type: 'string',
    default: 'tfs-cat',
    describe: 'What to run on the other host',
    requiresArg: true,
  },
} as const satisfies ProgramOptions

export const catOptions = {
  ...shellOptions,
  from: {
    type: 'string',
    describe: 'Begin behind POSITION (EPOCH:SEQ), or with the oldest that there is: "oldest"',
    requiresArg: true,
  },
  'on-request': {
    type: 'boolean',
    describe: 'Begin when standard input asks for a position, and behind that',
  },
} as const satisfies ProgramOptions
