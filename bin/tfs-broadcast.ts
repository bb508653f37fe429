#!/usr/bin/env node
import { openSource, parseDuration, parseSize, runProgram, UsageError } from '#cli'
import { groupNumber, runBroadcast, standardPipe, streamInput } from '#relay'
import { limits } from '#wire'

await runProgram({
  name: 'tfs-broadcast',
  usage: '[OPTIONS] SOCKET',
  summary:
    'Reads a stream from standard input and passes it on to every client of the Unix socket ' +
    'SOCKET. Writes what clients send back to standard output, unless that is a terminal.',
  operands: { min: 0, max: 1 },
  options: {
    from: {
      type: 'string',
      describe: 'Read the stream from SOURCE: a recorded stream, a socket',
      requiresArg: true,
      default: '-',
      defaultDescription: 'standard input',
    },
    slow: {
      choices: ['block', 'drop'] as const,
      default: 'block' as const,
      describe: 'When a client does not keep up: hold up the stream, or drop messages for it',
      requiresArg: true,
    },
    backlog: {
      type: 'string',
      default: '16M',
      describe: 'How much of the stream may wait for a client',
      requiresArg: true,
    },
    mode: {
      type: 'string',
      describe: 'Permissions of the socket, in octal',
      requiresArg: true,
      defaultDescription: '0600, with --group 0660',
    },
    group: {
      type: 'string',
      describe: 'Group of the socket, by name or number',
      requiresArg: true,
    },
    'max-clients': {
      type: 'string',
      default: '64',
      describe: 'How many clients there may be at once',
      requiresArg: true,
    },
    'drain-timeout': {
      type: 'string',
      default: '10',
      describe: 'Seconds that clients have, when the stream has ended, to take the rest',
      requiresArg: true,
    },
    run: {
      type: 'string',
      describe:
        'Instead of SOCKET: run a shell command with a private socket, in $TFS_SOCKET; begin with ' +
        'its first client, end with it, and exit with its code',
      requiresArg: true,
    },
  },
  examples: [
    ['tfs-journal store incoming | tfs-broadcast /tmp/tfs', 'offer a tree to mirrors'],
    ['tfs-mirror /tmp/tfs copy', 'a mirror of it'],
    ['nc -U /tmp/tfs > tree.tfs', 'a recording of it'],
    [`tfs-broadcast --from tree.tfs --run 'tfs-mirror $TFS_SOCKET copy'`, 'replay a recording'],
  ],
  notes:
    'With --slow block nothing is lost, and the slowest client sets the pace. With --slow drop a ' +
    'client whose backlog is full loses what waits for it and is told which messages these were. ' +
    'SIGUSR1 prints the clients, their backlog and counters to standard error. With --run, what ' +
    'clients send back is discarded: standard output belongs to the command.',
  errors: {
    ESOCKET_LONG: 'usage',
    ESOCKET_LIVE: 'no',
    ESOCKET_KIND: 'no',
    ESOCKET_OWNER: 'no',
  },
  async run([path], options, { log }) {
    if ((path === undefined) === (options.run === undefined))
      throw new UsageError('wanted: SOCKET, or --run and no SOCKET')
    const { from, group, run, slow } = options
    const gid = group === undefined ? undefined : groupNumber(group)
    if (group !== undefined && gid === undefined)
      throw new UsageError(`--group: there is no group '${group}'`)
    const mode = options.mode ?? (group === undefined ? '600' : '660')
    const backlogBytes = parseSize(options.backlog, '--backlog')
    if (backlogBytes < limits.messageSizeMax)
      throw new UsageError(
        `--backlog: a message may have ${limits.messageSizeMax >> 10}K, so that at least`,
      )
    if (!/^0?[0-7]{1,3}$/.test(mode)) throw new UsageError(`--mode: '${mode}' is no octal mode`)
    const clientsMax = Number(options['max-clients'])
    if (!/^[1-9][0-9]{0,4}$/.test(options['max-clients']))
      throw new UsageError('--max-clients: wanted a number from 1 to 99999')
    return runBroadcast({
      path,
      mode: parseInt(mode, 8),
      gid,
      run,
      slow,
      backlogBytes,
      clientsMax,
      drainMs: parseDuration(options['drain-timeout'], '--drain-timeout'),
      open: async () =>
        (from === '-' ? standardPipe() : undefined) ?? streamInput((await openSource(from)).stream),
      stdinIsFree: from !== '-',
      log,
    })
  },
})
