// The session loop on raw requests, without a mount: errors, requests that are answered
// later, interrupts, wake-ups, and that each request is answered exactly once.

import t from 'tap'
import {
  fuse_forget_in,
  fuse_interrupt_in,
  fuse_lseek_in,
  fuse_read_in,
  fuse_write_in,
  fuse_write_out,
  HANDED_OFF,
  PENDING,
  Reply,
  sendReply,
  Session,
  type FuseError,
  type Handlers,
} from '#fuse'
import { close, errno, eventfd, eventfdClear, eventfdSignal } from '#posix'
import { bytesOf, FakeKernel, serveAll } from '../support/fake-kernel.js'

const nameA = Buffer.from('a\0')

void t.test('a handler that throws costs one request', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  kernel.request('FUSE_UNLINK', [nameA])
  kernel.request('FUSE_RMDIR', [nameA])
  const errors: [unknown, string][] = []
  const oops = new Error('oops')
  const { session } = serveAll(kernel, {
    handlers: {
      FUSE_UNLINK() {
        throw oops
      },
      FUSE_RMDIR: () => -errno.ENOTEMPTY,
    },
    onError: (...args) => errors.push(args),
  })
  const answers = kernel.answers().map(({ error, body }) => [error, body.length])
  t.same(answers.slice(1), [
    [-errno.EIO, 0],
    [-errno.ENOTEMPTY, 0],
  ])
  t.same(errors, [[oops, 'FUSE_UNLINK']])
  t.equal(session.counters.failures, 1)
})

void t.test('results and replies that make no sense become EIO', async (t) => {
  const bad = [7, 0.5, NaN, -512, -524, -Infinity, undefined, '0'] as number[]
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  for (const _ of bad) kernel.request('FUSE_UNLINK', [nameA])
  kernel.request('FUSE_RMDIR', [nameA])
  kernel.request('FUSE_GETATTR', [Buffer.alloc(16)])
  kernel.request('FUSE_READ', [bytesOf(fuse_read_in, { size: 4 })])
  const errors: FuseError[] = []
  serveAll(kernel, {
    handlers: {
      FUSE_UNLINK: () => bad[errors.length]!,
      FUSE_RMDIR(_, __, reply) {
        reply.bytes(Buffer.from('more than nothing'))
        return 0
      },
      FUSE_GETATTR: () => 0,
      FUSE_READ(_, { size }, reply) {
        reply.bytes(Buffer.alloc(size + 1))
        return 0
      },
    },
    onError: (error) => errors.push(error as FuseError),
  })
  t.same(
    kernel.answers().map(({ error }) => error),
    [0, ...Array<number>(bad.length + 3).fill(-errno.EIO)],
  )
  t.equal(errors.length, bad.length + 3)
  for (const { code } of errors) t.equal(code, 'EFUSE_REPLY')
})

void t.test('a nod to DESTROY carries nothing of an earlier reply', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  const unique = kernel.request('FUSE_DESTROY')
  serveAll(kernel, { handlers: {} })
  t.same(kernel.answers()[1], { unique, error: 0, body: Buffer.alloc(0) })
})

void t.test('headers that lie, and less than a header', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  kernel.request('FUSE_UNLINK', [nameA], { len: 41 })
  kernel.request('FUSE_UNLINK', [nameA], { len: 43 })
  kernel.request('FUSE_UNLINK', [nameA], { total_extlen: 1 })
  for (let size = 1; size < 40; size++) kernel.raw(Buffer.alloc(size, 0xff))
  const errors: FuseError[] = []
  const { session } = serveAll(kernel, {
    handlers: { FUSE_UNLINK: () => 0 },
    onError: (error) => errors.push(error as FuseError),
  })
  t.same(
    kernel.answers().map(({ error }) => error),
    [0, -errno.EIO, -errno.EIO, -errno.EIO],
  )
  t.equal(session.counters.malformed, 3 + 39)
  t.equal(errors.length, 3 + 39)
})

void t.test('positions of 2^53 and more do not reach handlers', async (t) => {
  const big = 2 ** 60
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  kernel.request('FUSE_WRITE', [bytesOf(fuse_write_in, { offset: big, size: 1 }), Buffer.alloc(1)])
  kernel.request('FUSE_READ', [bytesOf(fuse_read_in, { offset: big, size: 1 })])
  kernel.request('FUSE_LSEEK', [bytesOf(fuse_lseek_in, { offset: big, whence: 3 })])
  const never = () => {
    throw new Error('called')
  }
  serveAll(kernel, { handlers: { FUSE_WRITE: never, FUSE_READ: never, FUSE_LSEEK: never } })
  const answers = kernel.answers().slice(1)
  t.same(
    answers.map(({ error, body }) => [error, body.length]),
    [
      [-errno.EFBIG, 0],
      [0, 0],
      [-errno.ENXIO, 0],
    ],
  )
})

void t.test('FORGET has no reply; a batch is many of them', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  kernel.request('FUSE_FORGET', [bytesOf(fuse_forget_in, { nlookup: 3 })], { nodeid: 9 })
  const one = Buffer.alloc(16)
  one.writeUInt32LE(10, 0)
  one.writeUInt32LE(4, 8)
  const two = Buffer.alloc(16)
  two.writeUInt32LE(11, 0)
  two.writeUInt32LE(5, 8)
  const count = (n: number) => Buffer.from([n, 0, 0, 0, 0, 0, 0, 0])
  kernel.request('FUSE_BATCH_FORGET', [count(2), one, two])
  kernel.request('FUSE_BATCH_FORGET', [count(3), one, two])
  const seen: [number, number][] = []
  const errors: FuseError[] = []
  serveAll(kernel, {
    handlers: {
      FUSE_FORGET({ nodeid }, { nlookup }) {
        seen.push([nodeid, nlookup])
        if (nodeid === 11) throw new Error('must not matter')
        return -errno.EIO
      },
    },
    onError: (error) => errors.push(error as FuseError),
  })
  t.same(seen, [
    [9, 3],
    ...[1, 2].flatMap(() => [
      [10, 4],
      [11, 5],
    ]),
  ] as unknown)
  t.equal(kernel.answers().length, 1, 'INIT alone')
  t.match(errors.at(-1), { code: 'EFUSE_REQUEST', message: /2 of 3/u })
})

void t.test('a PENDING request is answered exactly once', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  const later = kernel.request('FUSE_WRITE', [bytesOf(fuse_write_in, { size: 1 }), Buffer.alloc(1)])
  const failing = kernel.request('FUSE_FSYNC', [Buffer.alloc(16)])
  const wrong = kernel.request('FUSE_FSYNC', [Buffer.alloc(16)])
  const throwing = kernel.request('FUSE_FSYNC', [Buffer.alloc(16)])
  const elsewhere = kernel.request('FUSE_FSYNC', [Buffer.alloc(16)])
  const errors: FuseError[] = []
  const { session } = serveAll(kernel, {
    handlers: {
      FUSE_WRITE: () => PENDING,
      FUSE_FSYNC: ({ unique }) => (unique === elsewhere ? HANDED_OFF : PENDING),
    },
    onError: (error) => errors.push(error as FuseError),
  })
  t.equal(kernel.answers().length, 1, 'INIT alone')
  t.throws(() => session.answer(999, 0), { name: 'AssertionError' })
  t.throws(() => session.answer(elsewhere, 0), { name: 'AssertionError' })
  t.throws(() => session.answer(later, 5), { name: 'AssertionError' })
  session.answer(later, 0, (reply) => reply.struct(fuse_write_out, { size: 1 }))
  session.answer(failing, -errno.ENOSPC)
  session.answer(wrong, 0, (reply) => reply.bytes(Buffer.alloc(3)))
  session.answer(throwing, 0, () => {
    throw new Error('in fill')
  })
  for (const unique of [later, failing, wrong, throwing]) {
    t.throws(() => session.answer(unique, 0), { name: 'AssertionError' })
  }
  const reply = new Reply(8)
  reply.reset(8)
  t.equal(sendReply(kernel.fd, elsewhere, 0), 0)
  t.same(kernel.answers(), [
    { unique: later, error: 0, body: Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]) },
    { unique: failing, error: -errno.ENOSPC, body: Buffer.alloc(0) },
    { unique: wrong, error: -errno.EIO, body: Buffer.alloc(0) },
    { unique: throwing, error: -errno.EIO, body: Buffer.alloc(0) },
    { unique: elsewhere, error: 0, body: Buffer.alloc(0) },
  ])
  t.match(errors, [{ code: 'EFUSE_REPLY' }, { message: 'in fill' }])
})

void t.test('an interrupt reaches the owner of a waiting request only', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  const waiting = kernel.request('FUSE_FSYNC', [Buffer.alloc(16)])
  const done = kernel.request('FUSE_UNLINK', [nameA])
  for (const unique of [waiting, done, 12345]) {
    const body = bytesOf(fuse_interrupt_in, { unique })
    kernel.request('FUSE_INTERRUPT', [body], { unique: unique + 1 })
  }
  const handlers: Handlers = { FUSE_FSYNC: () => PENDING, FUSE_UNLINK: () => 0 }
  const interrupted: number[] = []
  const { session } = serveAll(kernel, {
    handlers,
    onInterrupt: (unique) => interrupted.push(unique),
  })
  t.same(interrupted, [waiting])
  t.equal(session.counters.interrupts, 3)
  session.answer(waiting, -errno.EINTR)
  t.same(
    kernel
      .answers()
      .map(({ unique, error }) => [unique, error])
      .slice(1),
    [
      [done, 0],
      [waiting, -errno.EINTR],
    ],
  )
})

void t.test('without a hook the kernel is told to send no interrupts', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  const body = bytesOf(fuse_interrupt_in, { unique: 2 })
  kernel.request('FUSE_INTERRUPT', [body], { unique: 3 })
  serveAll(kernel, { handlers: {} })
  t.match(kernel.answers().at(-1), { unique: 3, error: -errno.ENOSYS })
})

void t.test('wake-ups and deadlines are served, also under load; hooks may throw', async (t) => {
  const kernel = new FakeKernel()
  const wakeFd = eventfd()
  t.teardown(() => {
    kernel.end()
    close(wakeFd)
  })
  for (let i = 0; i < 200; i++) kernel.request('FUSE_UNLINK', [nameA])
  eventfdSignal(wakeFd)
  const events: string[] = []
  let requests = 0
  let sinceMs = 0
  const session: Session = new Session({
    fd: kernel.fd,
    wakeFd,
    handlers: {
      FUSE_UNLINK() {
        requests++
        return 0
      },
    },
    onWake() {
      eventfdClear(wakeFd)
      events.push(`wake after ${requests}`)
      throw new Error('of onWake')
    },
    nextDeadlineMs: () => (requests < 200 ? Infinity : 20 - (performance.now() - sinceMs)),
    onDeadline() {
      events.push(`due after ${requests}`)
      if (events.filter((e) => e.startsWith('due')).length === 2) session.stop()
      sinceMs = performance.now()
      throw new Error('of onDeadline')
    },
    onError: (error, during) => events.push(`${during}: ${(error as Error).message}`),
  })
  t.equal(session.run(), 'stopped')
  const due = ['due after 200', 'onDeadline: of onDeadline']
  t.same(events, ['wake after 32', 'onWake: of onWake', ...due, ...due])
})

void t.test('the end: unmounted when the device says so, stopped when asked', async (t) => {
  const kernel = new FakeKernel()
  kernel.init()
  kernel.request('FUSE_UNLINK', [nameA])
  kernel.request('FUSE_UNLINK', [nameA])
  let calls = 0
  const session: Session = new Session({
    fd: kernel.fd,
    handlers: {
      FUSE_UNLINK() {
        calls++
        session.stop()
        return 0
      },
    },
    onError: (error) => t.fail(String(error)),
  })
  t.equal(session.run(), 'stopped')
  t.equal(calls, 1)
  t.equal(kernel.answers().length, 2, 'the request at hand was answered')
  kernel.end()
  const gone = new FakeKernel()
  gone.init()
  const onError = () => {} // INIT's reply has no reader.
  const second = new Session({ fd: gone.fd, handlers: {}, onError })
  gone.hangUp()
  t.equal(second.run(), 'unmounted')
  t.equal(second.counters.undelivered, 1)
  close(gone.fd)
})
