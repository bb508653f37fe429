// What tfs-broadcast takes.

import { shellOptions } from './cat-options.js'
import { value } from './option.js'
import type { ProgramOptions } from './program.js'

export const broadcastOptions = {
  from: {
    ...value('Read the stream from SOURCE: a recorded stream, FIFO, socket, spool, HOST:PATH'),
    default: '-',
    defaultDescription: 'standard input',
  },
  spool: value(
    'Keep the stream in DIR, for clients that are slow or come back; if another program writes ' +
      'that spool, follow it',
  ),
  keep: {
    ...value('Remove the oldest of the spool beyond this SIZE (10G) or AGE (7d)'),
    defaultDescription: 'all',
  },
  'spool-sync': {
    ...value('Make the spool durable each SECONDS, "always" before it goes on, or "none"'),
    defaultDescription: '1',
  },
  'segment-size': {
    ...value('Begin another file of the spool after so much'),
    defaultDescription: '64M',
  },
  slow: {
    choices: ['block', 'drop'] as const,
    defaultDescription: 'block',
    describe:
      'When a client does not keep up, and there is no spool: hold up the stream, or drop ' +
      'messages for it',
    requiresArg: true,
  },
  backlog: {
    ...value('How much of the stream may wait for a client'),
    default: '16M',
  },
  mode: {
    ...value('Permissions of the socket, in octal'),
    defaultDescription: '0600, with --group 0660',
  },
  group: value('Group of the socket, by name or number'),
  'max-clients': {
    ...value('How many clients there may be at once'),
    default: '64',
  },
  'drain-timeout': {
    ...value(
      'How long clients may take, when the stream has ended, for the rest: seconds, or 2m, 500ms',
    ),
    default: '10',
  },
  ...shellOptions,
  run: value(
    'Instead of SOCKET: run a shell command with a private socket, in $TFS_SOCKET; begin with ' +
      'its first client, end with it, and exit with its code',
  ),
} as const satisfies ProgramOptions
