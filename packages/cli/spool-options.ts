// What tfs-spool takes.

import { flag, value } from './option.js'
import type { ProgramOptions } from './program.js'

export const spoolOptions = {
  keep: {
    ...value('Remove the oldest beyond this SIZE (10G) or AGE (7d), but what readers need'),
    defaultDescription: 'all',
  },
  'keep-max': {
    ...value('Remove beyond this SIZE or AGE even what a reader needs, and tell it so'),
    defaultDescription: 'four times --keep',
  },
  sync: {
    ...value('Make it durable each SECONDS, "always" before it goes on, or "none"'),
    defaultDescription: '1',
  },
  'segment-size': {
    ...value('Begin another file after so much'),
    defaultDescription: '64M',
  },
  reader: value('Register who reads standard output as NAME: goes on where that was'),
  from: value('Print what follows EPOCH:SEQ, a TIME, a mark, or from "oldest" or "newest" on'),
  follow: flag('Print what the spool holds, and go on as it grows', 'f'),
  json: flag('ls: print one object of JSON'),
  'dry-run': flag('trim: only say what would be removed', 'n'),
} as const satisfies ProgramOptions
