#!/usr/bin/env node
import { assemble, CheckReport, openSource, printText, reportStream } from '#cli'
import { exitCode, openStreamSource, runProgram, shellOptions, spoolErrors, UsageError } from '#cli'
import { spec, toJson, toText } from '#wire'

await runProgram({
  name: 'tfs-dump',
  usage: '[OPTIONS] [SOURCE]',
  summary:
    'Prints a stream, one line a message. SOURCE is a recorded stream, a spool, the socket of a ' +
    'tfs-broadcast, [USER@]HOST:PATH of one of those, or - for standard input, which is the ' +
    'default.',
  operands: { min: 0, max: 1 },
  options: {
    json: { type: 'boolean', describe: 'Print lines of JSON (NDJSON) that hold all there is' },
    assemble: { type: 'boolean', describe: 'Make the identical stream of what --json has printed' },
    check: {
      type: 'boolean',
      describe: 'Print the epochs, how many messages of each type there are, and a verdict',
    },
    follow: {
      type: 'boolean',
      alias: 'f',
      describe: 'Stay when an epoch, or a spool, has ended, for what comes next',
    },
    ...shellOptions,
    spec: { type: 'boolean', describe: 'Print PROTOCOL.md, the specification of the stream' },
  },
  examples: [
    ['tfs-dump /tmp/tfs', 'watch what changes in a tree'],
    ['tfs-dump --check tree.tfs && echo whole', 'verify a recorded stream'],
    [`tfs-dump --json tree.tfs | jq -r .body.path`, 'the paths in it'],
    ['tfs-dump --json tree.tfs | tfs-dump --assemble | cmp - tree.tfs', 'nothing is lost'],
  ],
  notes:
    'Framing, checksums, fields and numbering are checked always. What comes before a fault is ' +
    'printed, then where the fault is. SIGUSR1 prints the state.',
  errors: spoolErrors,
  async run([from], options, { log }) {
    const { json, assemble: isAssembly, check, spec: isSpec } = options
    if ([json, isAssembly, check, isSpec].filter(Boolean).length > 1)
      throw new UsageError('--json, --assemble, --check and --spec exclude each other')
    if (isSpec && from !== undefined) throw new UsageError('--spec takes no SOURCE')
    if (isSpec) return printText(spec()).then(() => exitCode.done)
    if (isAssembly) return assemble(await openSource(from ?? '-'), log)
    // A signal ends it at once, as it has nothing to clean up.
    const { signal } = new AbortController()
    const { rsh, 'tfs-path': tfsPath, follow = false } = options
    const source = await openStreamSource(from ?? '-', { rsh, tfsPath, follow, signal, log })
    if (check) return reportStream(source, new CheckReport(), log)
    const toLine = json ? toJson : toText
    return reportStream(source, { message: (b, { message }) => `${toLine(b, message)}\n` }, log)
  },
})
