// Every opcode row: raw requests reach their handler decoded, and cut short they never do.

import t, { type Test } from 'tap'
import {
  opcodeNames,
  opcodes,
  type FuseError,
  type Handlers,
  type OpcodeName,
  type Reply,
  type Request,
  type Row,
} from '#fuse'
import { errno } from '#posix'
import { FakeKernel, serveAll } from '../support/fake-kernel.js'
import { readVectors } from '../support/abi-vectors.js'

const vectors = readVectors()
const names = (Object.keys(opcodes) as OpcodeName[]).filter(
  (name) => name !== 'FUSE_INIT' && name !== 'FUSE_INTERRUPT',
)

interface Call {
  request: Request
  arg: Record<string, unknown>
}

/** The struct's vector, then two names and data as the row wants them. */
function bodyOf(name: OpcodeName): { parts: Buffer[]; arg: Record<string, unknown> } {
  const row: Row = opcodes[name]
  const layout = row.in?.name.replace(' (READDIR)', '')
  const vector = name.startsWith('FUSE_READDIR')
    ? vectors.get('fuse_readdir_in')
    : vectors.get(layout ?? '')
  const parts = vector ? [Buffer.from(vector.bytes)] : []
  const arg: Record<string, unknown> = { ...vector?.values }
  for (const [i, key] of (row.names ?? []).entries()) {
    const bytes = Buffer.from([0xff, 0x0a, 0x41 + i])
    parts.push(bytes, Buffer.alloc(1))
    arg[key] = bytes
  }
  if (row.data) {
    const data = Buffer.from('data\0more')
    parts.push(data)
    arg['data'] = data
  }
  return { parts, arg }
}

/** Puts what the row says that its reply holds. */
function fill(name: OpcodeName, reply: Reply): void {
  const { out }: Row = opcodes[name]
  if (typeof out === 'string') return
  for (const layout of out) reply.struct(layout, {})
}

function recorder(name: OpcodeName, calls: Call[]): Handlers {
  const handler = (request: Request, arg: object, reply: Reply) => {
    const copy = Object.fromEntries(
      Object.entries(arg).map(([k, v]) => [
        k,
        Buffer.isBuffer(v) ? Buffer.from(v) : (v as unknown),
      ]),
    )
    calls.push({ request: { ...request }, arg: copy })
    fill(name, reply)
    return 0
  }
  return { [name]: handler } as Handlers
}

for (const name of names) {
  void t.test(name, async (t) => {
    const row: Row = opcodes[name]
    const { parts, arg } = bodyOf(name)
    const body = Buffer.concat(parts)
    const calls: Call[] = []
    const kernel = new FakeKernel()
    t.teardown(() => kernel.end())
    kernel.init()
    const unique = kernel.request(name, parts, { nodeid: 77, uid: 1, gid: 2, pid: 3 })
    // With extensions behind the body, which the header counts in units of 8 bytes.
    kernel.request(name, [...parts, Buffer.alloc(16, 0xee)], { total_extlen: 2 })
    const errors: unknown[] = []
    serveAll(kernel, { handlers: recorder(name, calls), onError: (error) => errors.push(error) })
    t.same(errors, [])
    t.equal(calls.length, 2)
    const request = { opcode: row.opcode, unique, nodeid: 77, uid: 1, gid: 2, pid: 3 }
    t.same(calls[0], { request, arg })
    t.same(calls[1]?.arg, arg, 'extensions are not data')
    const answers = kernel.answers().slice(1)
    if (row.out === 'never') t.same(answers, [])
    else {
      const size = typeof row.out === 'string' ? 0 : row.out.reduce((sum, s) => sum + s.size, 0)
      t.same(answers[0], { unique, error: 0, body: Buffer.alloc(size) })
      t.equal(answers.length, 2)
    }
    t.equal(opcodeNames.get(row.opcode), name)
    cutShort(t, name, body)
  })
}

/** Without its last bytes a request is either complete (data is shorter) or refused. */
function cutShort(t: Test, name: OpcodeName, body: Buffer): void {
  const row: Row = opcodes[name]
  const dataLength = row.data ? 9 : 0
  const complete = body.length - dataLength
  const calls: Call[] = []
  const errors: FuseError[] = []
  const kernel = new FakeKernel()
  kernel.init()
  for (let length = 0; length < complete; length++) kernel.request(name, [body.subarray(0, length)])
  const { session } = serveAll(kernel, {
    handlers: recorder(name, calls),
    onError: (error) => errors.push(error as FuseError),
  })
  t.same(calls, [], 'no handler sees a part of a request')
  t.equal(session.counters.malformed, complete)
  t.equal(errors.filter(({ code }) => code === 'EFUSE_REQUEST').length, complete)
  const answers = kernel.answers().slice(1)
  t.same(
    answers.map(({ error }) => error),
    Array<number>(row.out === 'never' ? 0 : complete).fill(-errno.EIO),
  )
  kernel.end()
}

void t.test('an opcode without a handler, or unknown, is not implemented', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  const sent = names.map((name) => kernel.request(name, bodyOf(name).parts))
  const unknown = [0, 7, 19, 54, 4095, 4096, 1048576, 0xffffffff].map((n) => kernel.request(n))
  const { session } = serveAll(kernel, { handlers: {} })
  const answers = new Map(kernel.answers().map(({ unique, error }) => [unique, error]))
  for (const [i, name] of names.entries()) {
    const row: Row = opcodes[name]
    const error = name === 'FUSE_DESTROY' ? 0 : -errno.ENOSYS
    t.equal(answers.get(sent[i]!), row.out === 'never' ? undefined : error, name)
  }
  for (const unique of unknown) t.equal(answers.get(unique), -errno.ENOSYS)
  t.equal(session.counters.unknown, unknown.length)
})
