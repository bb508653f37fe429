// What tfs-mirror takes.

import { shellOptions } from './cat-options.js'
import { flag, value } from './option.js'
import type { ProgramOptions } from './program.js'

export const mirrorOptions = {
  until: value('End behind MARK, SEQ, EPOCH:SEQ, or TIME: 2026-01-31T12:00:00Z, @SECONDS'),
  bootstrap: flag('Make DIR whole by what the source states, whatever it holds now; then follow'),
  seed: value('Have a shell command, rsync say, fill DIR first; then as --bootstrap'),
  verify: {
    type: 'string',
    describe: 'Compare DIR, or PATH in it, with the source, print what differs, and end',
    defaultDescription: 'no; all of it without PATH',
  },
  repair: flag('With --verify: make it so'),
  check: flag('Compare with whatever the source is told to verify (MOUNT/.tfs/verify)'),
  follow: flag('Stay when an epoch, or a spool, has ended, for what comes next', 'f'),
  ...shellOptions,
  'dry-run': flag('Print what would be done, and change nothing', 'n'),
  progress: flag('Show how far it is, each second'),
  stats: flag('Sum up at the end'),
  tee: flag('Pass the stream on to standard output, each message once it is applied'),
  sync: {
    ...value('Make it durable each SECONDS, "always" when all is applied, or "none"'),
    default: '5',
  },
  'on-divergence': {
    choices: ['repair', 'stop'] as const,
    default: 'repair' as const,
    describe:
      'Where the mirror is not as the stream takes it to be: mend it and note the path, or stop',
    requiresArg: true,
  },
  ids: {
    ...value('Owners: numeric, ignore, map=FROM:TO,..., or xattr: as rsync --fake-super'),
    default: 'numeric',
  },
  untrusted: flag("Somebody else's stream: no devices, no set-id bits, only user.* attributes"),
  'max-file-size': {
    ...value('Stop at a file that would be larger'),
    defaultDescription: 'none; 1T with --untrusted',
  },
  only: value('Mirror PATH of the source alone, with the directories above it'),
  include: {
    ...value('Mirror what matches PATTERN, although a later --exclude matches'),
    array: true,
    default: [],
    defaultDescription: 'none',
  },
  exclude: {
    ...value("Leave out what matches PATTERN (rsync's, like /tmp/ or *.o)"),
    array: true,
    default: [],
    defaultDescription: 'none',
  },
  force: flag('Take over a DIR that is no mirror, or go on with a stream that is not its own'),
} as const satisfies ProgramOptions
