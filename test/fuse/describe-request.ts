import t from 'tap'
import { describeReply, describeRequest, fuse_mkdir_in, fuse_write_in } from '#fuse'
import { errno } from '#posix'
import { FakeKernel, serveAll } from '../support/fake-kernel.js'

void t.test('a session traces requests and replies', async (t) => {
  const kernel = new FakeKernel()
  t.teardown(() => kernel.end())
  kernel.init()
  const mkdir = Buffer.alloc(fuse_mkdir_in.size)
  fuse_mkdir_in.encode(mkdir, 0, { mode: 0o755, umask: 0o22 })
  kernel.request('FUSE_MKDIR', [mkdir, Buffer.from('a\nb\0')], { nodeid: 7 })
  const write = Buffer.alloc(fuse_write_in.size)
  fuse_write_in.encode(write, 0, { fh: 3, offset: 4096, size: 5, flags: 0x8001 })
  kernel.request('FUSE_WRITE', [write, Buffer.from('12345')])
  kernel.request('FUSE_FORGET', [Buffer.alloc(8)])
  kernel.request('FUSE_STATFS')
  const lines: string[] = []
  serveAll(kernel, {
    handlers: {
      FUSE_MKDIR: () => -errno.EEXIST,
      FUSE_WRITE(_, __, reply) {
        reply.bytes(Buffer.alloc(8))
        return 0
      },
    },
    onTrace: (line) => lines.push(line),
  })
  t.same(lines, [
    '2: 64 bytes',
    "FUSE_MKDIR 4: node 7, uid 1000, gid 100, pid 4242, mode 0755, umask 022, name 'a\\nb'",
    '4: EEXIST',
    'FUSE_WRITE 6: node 1, uid 1000, gid 100, pid 4242, fh 3, offset 4096, size 5, ' +
      'write_flags 0x0, flags 0x8001, 5 bytes',
    '6: 8 bytes',
    'FUSE_FORGET 8: node 1, uid 1000, gid 100, pid 4242, nlookup 0',
    '10: ENOSYS',
  ])
})

void t.test('as functions', async (t) => {
  const request = { opcode: 1, unique: 2, nodeid: 1, uid: 0, gid: 0, pid: 0 }
  const name = Buffer.from([0xff])
  t.match(describeRequest('FUSE_LOOKUP', request, { name }), /^FUSE_LOOKUP 2: .*, name '/u)
  t.equal(describeReply(2, 0, 0), '2: 0 bytes')
})
