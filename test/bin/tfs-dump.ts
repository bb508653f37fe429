// tfs-dump as its users start it.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { sealChecksum } from '#wire'
import { messageOf, StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const program = join(import.meta.dirname, '../../bin/tfs-dump.js')
const timeout = 60_000
t.setTimeout(300_000)

function dump(input: Buffer | string, ...args: string[]) {
  const run = spawnSync(process.execPath, [program, ...args], {
    input,
    timeout,
    maxBuffer: 1 << 28,
  })
  return { status: run.status, stdout: run.stdout, stderr: run.stderr.toString() }
}

const sample = (): StreamWriter =>
  new StreamWriter(7)
    .add('mkdir', { path: 'd', mode: 0o755 })
    .add('create', { path: Buffer.from('d/\xff\n', 'latin1'), mode: 0o644 })
    .add('write', { path: Buffer.from('d/\xff\n', 'latin1'), offset: 4096, data: 'hello' })
    .add('tick')
    .bye()

function file(t: Test, content: Buffer | string): string {
  const path = join(tempDirectory(t).path, 'stream')
  writeFileSync(path, content)
  return path
}

void t.test('prints a line for each message, of a file and of standard input', async (t) => {
  const { bytes } = sample()
  const { status, stdout, stderr } = dump('', file(t, bytes))
  t.strictSame({ status, stderr }, { status: 0, stderr: '' })
  const lines = stdout.toString().split('\n')
  t.equal(lines.length, 7)
  t.match(
    lines[3],
    / 4 {2}2023-11-14T22:13:20.000000000Z {2}write +"d\/\\xff\\n" offset=4096 5 bytes/,
  )
  t.ok(dump(bytes).stdout.equals(stdout))
  t.ok(dump(bytes, '-').stdout.equals(stdout))
})

void t.test('--json and --assemble give the identical bytes', async (t) => {
  const { bytes } = sample()
  const json = dump(bytes, '--json')
  t.equal(json.stdout.toString().split('\n').length, 7)
  t.match(json.stdout.toString(), '"path":{"hex":"642fff0a"}')
  const again = dump(json.stdout, '--assemble')
  t.strictSame({ status: again.status, stderr: again.stderr }, { status: 0, stderr: '' })
  t.ok(again.stdout.equals(bytes))
  t.ok(dump('', '--assemble', file(t, json.stdout)).stdout.equals(bytes), 'from a file')
  const noBreak = json.stdout.subarray(0, -1)
  t.ok(dump(noBreak, '--assemble').stdout.equals(bytes), 'the last line needs no line break')
})

void t.test('--assemble says which line is bad, after the good ones', async (t) => {
  const writer = sample()
  const [first = '', ...rest] = dump(writer.bytes, '--json').stdout.toString().split('\n')
  const bad = (line: string | Buffer) =>
    dump(
      Buffer.concat([Buffer.from(`${first}\n`), Buffer.from(line), Buffer.from(rest.join('\n'))]),
      '--assemble',
    )
  for (const [line, reason] of [
    ['\n', 'line 2: not JSON: ""'],
    ['{"type":"bye"}\n', 'line 2: body: wanted an object, not nothing'],
    [Buffer.from('\xff\n', 'latin1'), 'line 2: not UTF-8'],
    [`${first.replace('test', '\ufffd')}\n`, 'line 2: not UTF-8'],
  ] as const) {
    const { status, stdout, stderr } = bad(line)
    t.equal(status, 2)
    t.match(stderr, `tfs-dump: standard input: ${reason}`)
    t.ok(stdout.equals(writer.messages[0]!))
  }
  for (const end of ['', '\n']) {
    const long = bad(`"${'x'.repeat(1 << 22)}"${end}`)
    t.equal(long.status, 2)
    t.match(long.stderr, 'standard input: line 2: more than 4194304 characters')
  }
})

void t.test('what comes before a fault is printed, then where it is', async (t) => {
  const { messages } = sample()
  const good = Buffer.concat(messages.slice(0, 3))
  const flipped = Buffer.from(messages[3]!)
  flipped[flipped.length - 17]! ^= 4
  const cases: [string, Buffer[], RegExp][] = [
    ['a flipped bit', [flipped], /byte 224: the checksum is/],
    [
      'cut short',
      [messages[3]!.subarray(0, 40)],
      /message 3, byte 224: ends 40 bytes into a message/,
    ],
    ['no bye', [], /message 3, byte 224: ends here without a bye/],
    ['a gap', [messages[4]!], /message 5, byte 224: message 4 is missing/],
    ['a duplicate', [messages[2]!], /message 3, byte 224: number 3 after 3/],
    [
      'rubbish',
      [Buffer.from('rubbish, rubbish, rubbish')],
      /byte 224: a message cannot have 1650619762 bytes/,
    ],
    [
      'another epoch',
      [messageOf('tick', {}, { seq: 4, epoch: 8 })],
      /message 4, byte 224: is of epoch 8, not 7/,
    ],
    [
      'after the end',
      [...messages.slice(3), messageOf('tick', {}, { seq: 7 })],
      /message 7, byte 352: comes after the end/,
    ],
  ]
  for (const [name, rest, reason] of cases) {
    const input = Buffer.concat([good, ...rest])
    const shown = rest.length > 1 ? 6 : 3
    for (const form of [[], ['--json']]) {
      const { status, stdout, stderr } = dump(input, ...form)
      t.equal(status, 2, name)
      t.match(stderr, new RegExp(`^tfs-dump: standard input: (${reason.source}).*\n$`))
      t.equal(stdout.toString().split('\n').length, shown + 1, 'the good ones')
    }
    const check = dump(input, '--check')
    t.equal(check.status, 2)
    t.match(check.stdout.toString(), /^bad: /m)
    t.match(check.stderr, reason)
  }
})

void t.test('--check counts, and says whether the stream is whole', async (t) => {
  const two = Buffer.concat([sample().bytes, new StreamWriter(8, { epoch: 7, seq: 6 }).bye().bytes])
  const good = dump(two, '--check')
  t.equal(good.status, 0)
  const time = '2023-11-14T22:13:20.000000000Z'
  t.equal(
    good.stdout.toString(),
    [
      `epoch 7: messages 1 to 6, ${time} to ${time}, bye`,
      `epoch 8: messages 1 to 2, ${time} to ${time}, bye`,
      'type                messages           bytes',
      'hello                      2             128',
      'mkdir                      1              80',
      'create                     1              80',
      'write                      1              64',
      'tick                       1              32',
      'bye                        2              64',
      'total                      8             448',
      'good',
      '',
    ].join('\n'),
  )
  const hello = sample().messages[0]!
  const late = [messageOf('tick', {}, { seq: 90 }), messageOf('bye', {}, { seq: 91 })]
  const joined = dump(Buffer.concat([hello, ...late]), '--check')
  t.equal(joined.status, 0)
  t.match(joined.stdout.toString(), 'epoch 7: messages 1, 90 to 91')
  const gap = messageOf('gap', { from: 2, to: 89 }, { seq: 89 })
  const dropped = dump(Buffer.concat([hello, gap, ...late]), '--check')
  t.equal(dropped.status, 2)
  t.match(dropped.stderr, 'standard input: a relay dropped messages, 88 in all')
  const abort = messageOf('abort', { reason: 'no space\u001b' }, { seq: 2 })
  const aborted = dump(Buffer.concat([hello, abort]), '--check')
  t.equal(aborted.status, 2)
  t.match(aborted.stdout.toString(), 'bad: the source gave up: no space\\x1b')
  t.equal(dump(Buffer.concat([hello, abort])).status, 0, 'but it is well-formed')
})

void t.test('an unknown message that may be skipped counts in the numbering', async (t) => {
  const { messages } = sample()
  const unknown = Buffer.from(messages[4]!)
  unknown.writeUInt16LE(0x8001, 4)
  sealChecksum(unknown)
  const input = Buffer.concat([...messages.slice(0, 4), unknown, messages[5]!])
  const { status, stdout } = dump(input)
  t.equal(status, 0)
  t.match(stdout.toString(), / 5 .* type 0x8001 /)
  t.match(dump(input, '--check').stdout.toString(), /^type 0x8001 +1 +32$/m)
  t.ok(dump(dump(input, '--json').stdout, '--assemble').stdout.equals(input))
  unknown.writeUInt16LE(1, 6)
  sealChecksum(unknown)
  const required = dump(Buffer.concat([...messages.slice(0, 4), unknown, messages[5]!]))
  t.equal(required.status, 2)
  t.match(required.stderr, /message 5, byte 288: type 0x8001: not known here; a newer version/)
})

void t.test('prints what comes over a socket as it comes', async (t) => {
  const { messages } = sample()
  const path = join(tempDirectory(t).path, 's')
  const server = createServer().listen(path)
  t.teardown(() => server.close())
  await once(server, 'listening')
  const child = spawn(process.execPath, [program, path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
  })
  const [socket] = await once(server, 'connection')
  socket.write(messages[0])
  const [line] = await once(child.stdout, 'data')
  t.match(String(line), /^ +1 .* hello .*\n$/)
  socket.end(Buffer.concat(messages.slice(1)))
  const [status] = await once(child, 'exit')
  t.equal(status, 0)
})

void t.test('a reader that has seen enough is no error', async (t) => {
  // As JSON it is more than a pipe holds.
  const path = file(t, endless(1 << 24))
  const script = '"$0" "$1" --json "$2" | head -n 1; echo ${PIPESTATUS[0]}'
  const args = ['-c', script, process.execPath, program, path]
  const { stdout, stderr } = spawnSync('bash', args, { timeout, encoding: 'utf8' })
  t.equal(stderr, '')
  t.match(stdout, /^\{"type":"hello".*\n141\n$/, 'it dies of SIGPIPE, as cat does')
})

void t.test('memory stays flat with a slow reader', async (t) => {
  const path = file(t, endless(1 << 28))
  const child = spawn(process.execPath, [program, '--json', path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'readable')
  // It fills the pipe and then waits: a process that sleeps with all of its input still to come.
  const peaks: number[] = []
  while (peaks.length < 20 || peaks.at(-1) !== peaks.at(-10)) {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    peaks.push(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  t.ok(peaks.at(-1)! < 160 << 10, `${peaks.at(-1)} kB`)
})

void t.test('--spec prints PROTOCOL.md', async (t) => {
  const path = join(import.meta.dirname, '../../../packages/wire/PROTOCOL.md')
  const { status, stdout } = dump('', '--spec')
  t.equal(status, 0)
  t.ok(stdout.equals(readFileSync(path)))
})

void t.test('-v says how much there was', async (t) => {
  const { bytes, messages } = sample()
  const { stderr } = dump(bytes, '-v', '--check')
  t.equal(stderr, `tfs-dump: standard input: ${bytes.length} bytes of messages\n`)
  const json = dump(bytes, '--json').stdout
  const assembly = dump(json, '-v', '--assemble')
  t.equal(assembly.stderr, `tfs-dump: standard input: ${messages.length} lines\n`)
})

void t.test('wrong usage, help and a missing SOURCE', async (t) => {
  const help = dump('', '--help')
  t.equal(help.status, 0)
  t.equal(help.stderr, '')
  t.ok(
    help.stdout
      .toString()
      .split('\n')
      .every((line) => line.length <= 80),
  )
  for (const args of [
    ['--json', '--check'],
    ['--json', '--assemble'],
    ['--spec', 'a'],
    ['--spec', '--json'],
    ['a', 'b'],
    ['--nonsense'],
    ['/'],
  ]) {
    const { status, stdout, stderr } = dump('', ...args)
    t.strictSame([status, stdout.length], [100, 0], args.join(' '))
    t.match(stderr, /^tfs-dump: usage: /)
  }
  const missing = dump('', join(tempDirectory(t).path, 'none'))
  t.equal(missing.status, 111)
  t.match(missing.stderr, /does not exist/)
})

void t.test('a stream is not written to a terminal', async (t) => {
  const json = file(t, dump(sample().bytes, '--json').stdout)
  // script(1) gives the command a terminal.
  const { stdout } = spawnSync(
    'script',
    ['-qec', `"${process.execPath}" "${program}" --assemble "${json}"; echo $?`, '/dev/null'],
    { timeout, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  )
  t.match(stdout, /usage: the stream is not for a terminal/)
  t.match(stdout, /\b100\r?\n$/)
})

void t.test('a full disk is an error of the system', async (t) => {
  const path = file(t, sample().bytes)
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const { status, stderr } = spawnSync(process.execPath, [program, path], {
    timeout,
    encoding: 'utf8',
    stdio: ['ignore', full, 'pipe'],
  })
  t.equal(status, 111)
  t.match(stderr, /standard output: no space left on device/)
})

/** A stream of about `size` bytes, in messages of 64 KiB. */
function endless(size: number): Buffer {
  const writer = new StreamWriter().add('create', { path: 'f' })
  const data = Buffer.alloc(64 << 10, 'x')
  for (let n = 0; n < size / data.length; n++)
    writer.add('write', { path: 'f', offset: n * data.length, data })
  return writer.bye().bytes
}
