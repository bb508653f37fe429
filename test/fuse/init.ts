// The INIT handshake on raw requests.

import t from 'tap'
import { fuse_init_out, fuse_setxattr_in_compat, passthroughWants } from '#fuse'
import { errno } from '#posix'
import { bytesOf, FakeKernel, serveAll } from '../support/fake-kernel.js'

void t.test('the handshake takes the older minor version and the flags of both', async (t) => {
  for (const [minor, agreed] of [
    [31, 31],
    [45, 45],
    [99, 45],
  ]) {
    const kernel = new FakeKernel()
    kernel.init({ minor: minor! })
    const { session } = serveAll(kernel, { handlers: {} })
    const [answer] = kernel.answers()
    const out = fuse_init_out.decode(answer!.body)
    t.equal(answer!.error, 0)
    t.equal(out.minor, agreed)
    t.equal(session.kernel?.minor, agreed)
    t.equal(out.major, 7)
    t.equal(out.max_write, 65536)
    t.equal(out.max_pages, 16)
    t.equal(out.max_readahead, 131072)
    t.equal(out.time_gran, 1)
    const wanted = passthroughWants.filter((flag) => !flag.includes('READDIRPLUS'))
    t.same([...session.kernel!.flags].sort(), [...wanted].sort())
    t.equal(out.flags2, (1 << 3) | (1 << 4), 'HAS_EXPIRE_ONLY and DIRECT_IO_ALLOW_MMAP')
    kernel.end()
  }
})

void t.test('flags: READDIRPLUS needs a handler, flags2 needs INIT_EXT', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init({ flags: (1 << 13) | (1 << 14) | (1 << 16), flags2: 0xffffffff })
  const { session } = serveAll(kernel, { handlers: { FUSE_READDIRPLUS: () => 0 } })
  t.same([...session.kernel!.flags].sort(), ['FUSE_DO_READDIRPLUS', 'FUSE_READDIRPLUS_AUTO'])
  t.equal(fuse_init_out.decode(kernel.answers()[0]!.body).flags, (1 << 13) | (1 << 14))
  t.notOk(session.kernel!.offered.has('FUSE_PASSTHROUGH'))
  t.ok(session.kernel!.offered.has('FUSE_WRITEBACK_CACHE'), 'offered, not taken')
})

void t.test('INIT of 16 bytes (before 7.36), and SETXATTR as it was before 7.33', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init({ minor: 31, flags: 1 }, 16)
  const value = Buffer.from('value')
  const compat = bytesOf(fuse_setxattr_in_compat, { size: value.length, flags: 2 })
  kernel.request('FUSE_SETXATTR', [compat, Buffer.from('user.x\0'), value])
  const seen: unknown[] = []
  serveAll(kernel, {
    handlers: {
      FUSE_SETXATTR(_, { name, data, size, flags, setxattr_flags }) {
        seen.push([name.toString(), data.toString(), size, flags, setxattr_flags])
        return 0
      },
    },
  })
  t.same(seen, [['user.x', 'value', 5, 2, 0]])
  t.same(
    kernel.answers().map(({ error }) => error),
    [0, 0],
  )
})

void t.test('a kernel that is too old, or speaks another major version', async (t) => {
  for (const version of [{ minor: 30 }, { major: 6 }]) {
    const kernel = new FakeKernel()
    kernel.init(version)
    t.throws(() => serveAll(kernel, { handlers: {} }), { code: 'EFUSE_VERSION', message: /5\.4/u })
    t.equal(kernel.answers()[0]!.error, -errno.EPROTO)
    kernel.end()
  }
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init({ major: 8 })
  kernel.init()
  const { session } = serveAll(kernel, { handlers: {} })
  const [first, second] = kernel.answers().map(({ body }) => fuse_init_out.decode(body))
  t.match([first?.major, first?.flags, second?.major, second?.minor], [7, 0, 7, 45])
  t.ok(session.kernel)
})
