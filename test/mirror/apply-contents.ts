// Operations on bytes of files, compared with the same done to a Buffer.

import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { errno, injectFault, clearFaults, lseek, SEEK_DATA, SEEK_HOLE } from '#posix'
import { fallocateMode, limits } from '#wire'
import { replay } from '../support/replay.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const { KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE } = fallocateMode
const mib = 1 << 20

void t.test('writes at any place, truncation, and holes that stay holes', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const full = Buffer.alloc(limits.dataSizeMax, 'x')
  const stream = new StreamWriter()
    .add('create', { path: 'f', mode: 0o600 })
    .add('write', { path: 'f', offset: 3, data: 'abc' })
    .add('write', { path: 'f', offset: 4, data: 'XY' })
    .add('write', { path: 'f', offset: 5, data: '' })
    .add('truncate', { path: 'f', size: 5 })
    .add('truncate', { path: 'f', size: 9 })
    .add('create', { path: 'sparse', mode: 0o600 })
    .add('write', { path: 'sparse', offset: 5 * 2 ** 30, data: full })
    .add('create', { path: 'read-only', mode: 0o444 })
    .add('write', { path: 'read-only', data: 'written all the same' })
  t.equal((await replay(stream.bye().bytes, root)).error, undefined)
  t.equal(readFileSync(join(root, 'f'), 'latin1'), '\0\0\0aX\0\0\0\0')
  const sparse = statSync(join(root, 'sparse'))
  t.equal(sparse.size, 5 * 2 ** 30 + mib)
  t.ok(sparse.blocks * 512 < 3 * mib, 'the hole takes no room')
  t.equal(readFileSync(join(root, 'read-only'), 'latin1'), 'written all the same')
})

void t.test('fallocate', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const data = Buffer.alloc(mib, 'd')
  const allocate = { path: 'f', offset: 65536, length: 131072 }
  const stream = new StreamWriter()
    .add('create', { path: 'f', mode: 0o600 })
    .add('write', { path: 'f', data })
    .add('fallocate', { ...allocate, mode: PUNCH_HOLE | KEEP_SIZE })
    .add('fallocate', { ...allocate, offset: 3 * 262144, mode: ZERO_RANGE })
    .add('fallocate', { path: 'f', offset: mib, length: mib, mode: KEEP_SIZE })
    .add('create', { path: 'g', mode: 0o600 })
    .add('fallocate', { path: 'g', offset: 0, length: mib, mode: 0 })
  t.equal((await replay(stream.bye().bytes, root)).error, undefined)
  const expected = Buffer.from(data).fill(0, 65536, 196608).fill(0, 786432, 917504)
  t.ok(readFileSync(join(root, 'f')).equals(expected))
  t.ok(statSync(join(root, 'f')).blocks * 512 > mib, 'allocated beyond the end')
  t.equal(statSync(join(root, 'g')).size, mib)
  const fd = openSync(join(root, 'f'), 'r')
  t.equal(lseek(fd, 0, SEEK_HOLE), 65536)
  t.equal(lseek(fd, 65536, SEEK_DATA), 196608)
  closeSync(fd)
})

void t.test(
  'where the file system has no fallocate or copy, bytes are what they would be',
  async (t) => {
    t.teardown(clearFaults)
    const root = join(tempDirectory(t).path, 'mirror')
    const data = Buffer.alloc(mib, 'd')
    injectFault({ call: 'fallocate', nth: 1, errno: errno.EOPNOTSUPP, times: 100 })
    injectFault({ call: 'copy_file_range', nth: 1, errno: errno.EXDEV, times: 100 })
    const stream = new StreamWriter()
      .add('create', { path: 'f', mode: 0o600 })
      .add('write', { path: 'f', data })
      .add('fallocate', { path: 'f', offset: 5, length: 300_000, mode: PUNCH_HOLE | KEEP_SIZE })
      .add('fallocate', { path: 'f', offset: mib - 5, length: 10, mode: ZERO_RANGE })
      .add('fallocate', { path: 'f', offset: mib, length: mib, mode: 0 })
      .add('create', { path: 'g', mode: 0o600 })
      .add('copy', { path: 'g', from: 'f', offset: 7, fromOffset: 250_000, length: 800_000 })
    t.equal((await replay(stream.bye().bytes, root)).error, undefined)
    const expected = Buffer.concat([data, Buffer.alloc(mib)])
      .fill(0, 5, 300_005)
      .fill(0, mib - 5)
    t.ok(readFileSync(join(root, 'f')).equals(expected))
    const copied = Buffer.concat([Buffer.alloc(7), expected.subarray(250_000, 1_050_000)])
    t.ok(readFileSync(join(root, 'g')).equals(copied))
  },
)

void t.test('copies within a file and between files', async (t) => {
  const root = join(tempDirectory(t).path, 'mirror')
  const data = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i * 7))
  const stream = new StreamWriter()
    .add('create', { path: 'f', mode: 0o600 })
    .add('write', { path: 'f', data })
    .add('create', { path: 'g', mode: 0o600 })
    .add('copy', { path: 'g', from: 'f', offset: 0, fromOffset: 0, length: 100_000 })
    .add('copy', { path: 'f', from: 'f', offset: 50_000, fromOffset: 10, length: 1000 })
    .add('copy', { path: 'g', from: 'f', offset: 0, fromOffset: 0, length: 0 })
  t.equal((await replay(stream.bye().bytes, root)).error, undefined)
  t.ok(readFileSync(join(root, 'g')).equals(data))
  data.copy(data, 50_000, 10, 1010)
  t.ok(readFileSync(join(root, 'f')).equals(data))
})
