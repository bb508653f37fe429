import { mkdirSync, readdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import * as posix from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

const { DirentCursor, errno } = posix

/** Names in the order of the directory, with the position behind each. */
function listed(fd: number, buffer: Buffer) {
  const cursor = new DirentCursor(buffer)
  const entries: { name: string; low: number; high: number }[] = []
  for (;;) {
    const length = posix.check(posix.getdents64(fd, buffer), 'getdents64')
    if (length === 0) return entries
    cursor.reset(length)
    while (cursor.next()) {
      const low = buffer.readUInt32LE(cursor.offAt)
      const high = buffer.readUInt32LE(cursor.offAt + 4)
      entries.push({ name: cursor.name.toString('latin1'), low, high })
    }
  }
}

void t.test('every name once, through a small buffer, dots too', (t) => {
  const { fd, path } = tempDirectory(t)
  const names = Array.from({ length: 500 }, (_, i) => `name ${i} \xff${'x'.repeat(i % 200)}`)
  for (const name of names) writeFileSync(Buffer.from(`${path}/${name}`, 'latin1'), '')
  const found = listed(fd, Buffer.alloc(512)).map((entry) => entry.name)
  t.same(found.sort(), [...names, '.', '..'].sort())
  t.equal(posix.getdents64(fd, Buffer.alloc(4096)), 0)
  t.end()
})

void t.test('every position leads back to exactly where it was', (t) => {
  const { fd, path } = tempDirectory(t)
  for (let i = 0; i < 300; i++) writeFileSync(`${path}/${i}`, '')
  const buffer = Buffer.alloc(8192)
  const all = listed(fd, buffer)
  t.equal(all.length, 302)
  const cursor = new DirentCursor(buffer)
  for (const [i, { low, high, name }] of all.entries()) {
    if (posix.seekDirectory(fd, low, high) !== 0) t.fail(`cannot go behind ${name}`)
    cursor.reset(posix.getdents64(fd, buffer))
    const next = cursor.next() ? cursor.name.toString('latin1') : undefined
    if (next !== all[i + 1]?.name) t.fail(`${next} follows ${name}, not ${all[i + 1]?.name}`)
  }
  t.equal(posix.seekDirectory(fd, 0, 0), 0)
  t.same(listed(fd, buffer), all)
  t.equal(posix.seekDirectory(-1, 0, 0), -errno.EBADF)
  t.equal(posix.seekDirectory(-1, 1, 0x7fffffff), -errno.EBADF)
  t.equal(posix.seekDirectory(fd, 0, 0x80000000), -errno.EINVAL, 'a negative one')
  t.end()
})

void t.test('types and inode numbers', (t) => {
  const { fd, path } = tempDirectory(t)
  mkdirSync(`${path}/dir`)
  writeFileSync(`${path}/file`, '')
  symlinkSync('x', `${path}/link`)
  posix.mknodat(fd, Buffer.from('fifo'), posix.S_IFIFO | 0o600, 0)
  const types = new Map([...posix.readDirectory(fd)].map((e) => [e.name.toString(), e.type]))
  const expected = {
    dir: posix.DT_DIR,
    file: posix.DT_REG,
    link: posix.DT_LNK,
    fifo: posix.DT_FIFO,
  }
  t.same(Object.fromEntries(types), expected)
  posix.seekDirectory(fd, 0, 0)
  const cursor = new DirentCursor(Buffer.alloc(4096))
  cursor.reset(posix.getdents64(fd, cursor.buffer))
  const stat = new posix.Stat()
  let seen = 0
  while (cursor.next()) {
    const flags = posix.AT_SYMLINK_NOFOLLOW
    if (cursor.isDot) continue
    posix.statx(fd, cursor.name, flags, posix.STATX_BASIC_STATS, stat.buffer)
    t.equal(cursor.buffer.readUInt32LE(cursor.inoAt), stat.inoLow, cursor.name.toString())
    seen++
  }
  t.equal(seen, 4)
  t.end()
})

void t.test('readDirectory gives what Node gives, and names of its own', (t) => {
  const { fd, path } = tempDirectory(t)
  for (let i = 0; i < 3000; i++) writeFileSync(`${path}/${'n'.repeat(i % 50)}${i}`, '')
  writeFileSync(`${path}/.hidden`, '')
  writeFileSync(`${path}/...`, '')
  for (let round = 0; round < 2; round++) {
    const names = [...posix.readDirectory(fd)].map((entry) => entry.name.toString())
    t.same(names.sort(), readdirSync(path).sort())
  }
  t.end()
})

void t.test('errors', (t) => {
  const { fd, path } = tempDirectory(t)
  t.equal(posix.getdents64(fd, Buffer.alloc(8)), -errno.EINVAL)
  t.equal(posix.getdents64(-1, Buffer.alloc(8)), -errno.EBADF)
  writeFileSync(`${path}/file`, '')
  const file = posix.openat(fd, Buffer.from('file'), posix.O_RDONLY)
  t.equal(posix.getdents64(file, Buffer.alloc(4096)), -errno.ENOTDIR)
  t.throws(() => [...posix.readDirectory(file)], { code: 'ENOTDIR', syscall: 'getdents64' })
  posix.close(file)
  mkdirSync(`${path}/gone`)
  const gone = posix.openat(fd, Buffer.from('gone'), posix.O_RDONLY)
  rmdirSync(`${path}/gone`)
  t.same([...posix.readDirectory(gone)], [])
  posix.close(gone)
  t.end()
})
