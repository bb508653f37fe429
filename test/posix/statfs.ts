import { statfsSync } from 'node:fs'
import t from 'tap'
import { errno, fstatfs, statfsStruct } from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

void t.test('fstatfs', (t) => {
  const { fd, path } = tempDirectory(t)
  const out = Buffer.alloc(statfsStruct.size)
  t.equal(fstatfs(fd, out), 0)
  const ours = statfsStruct.decode(out)
  const node = statfsSync(path)
  t.equal(ours.f_type, node.type)
  t.equal(ours.f_bsize, node.bsize)
  t.equal(ours.f_blocks, node.blocks)
  t.equal(ours.f_files, node.files)
  t.ok(ours.f_bavail <= ours.f_bfree && ours.f_bfree <= ours.f_blocks)
  t.equal(ours.f_namelen, 255)
  t.equal(fstatfs(fd, Buffer.alloc(119)), -errno.EFAULT)
  t.equal(fstatfs(-1, out), -errno.EBADF)
  t.end()
})
