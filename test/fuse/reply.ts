// Replies built straight from the kernel's structs: attributes, entries, directories.

import {
  mkdtempSync,
  mkdirSync,
  rmdirSync,
  openSync,
  closeSync,
  writeFileSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import {
  decodeDevice,
  encodeDevice,
  fuse_attr_out,
  fuse_dirent,
  fuse_entry_out,
  fuse_open_out,
  fuse_statx_out,
  Reply,
  type Device,
} from '#fuse'
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, check, getdents64, statx, STATX_BASIC_STATS } from '#posix'

const hex = (reply: Reply) => reply.buffer.subarray(16, 16 + reply.length).toString('hex')

// struct statx with a different value in each byte of each field that counts.
const statxBytes = Buffer.alloc(256)
for (let i = 0; i < 144; i++) statxBytes[i] = i + 1
statxBytes.writeUInt32LE(259, 128) // rdev_major
statxBytes.writeUInt32LE(0x12345, 132) // rdev_minor

const attr = `
  2122232425262728 ino
  292a2b2c2d2e2f30 size
  3132333435363738 blocks
  4142434445464748 atime
  7172737475767778 mtime
  6162636465666768 ctime
  494a4b4c atimensec
  797a7b7c mtimensec
  696a6b6c ctimensec
  1d1e0000 mode
  11121314 nlink
  15161718 uid
  191a1b1c gid
  45033112 rdev
  05060708 blksize
  00000000 flags`

const fromLines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' ')[0])
    .join('')

const entry = `
  0700000000001000 nodeid
  0100000000000000 generation
  100e000000000000 entry_valid
  3c00000000000000 attr_valid
  00000000 entry_valid_nsec
  00000000 attr_valid_nsec${attr}`

function reply(limit = 4096): Reply {
  const made = new Reply(4096)
  made.buffer.fill(0xff)
  made.reset(limit)
  return made
}

void t.test('attributes and entries from struct statx, all 64 bits', async (t) => {
  const a = reply()
  a.attr(60, statxBytes)
  t.equal(hex(a), fromLines(`3c00000000000000\n00000000\n00000000${attr}`))
  t.equal(a.length, fuse_attr_out.size)
  const e = reply()
  e.entry(2 ** 52 + 7, 1, 3600, 60, statxBytes)
  t.equal(hex(e), fromLines(entry))
  e.open(9, 2)
  t.equal(
    hex(e),
    fromLines(`${entry}\n0900000000000000 fh\n02000000 open_flags\n00000000 backing_id`),
  )
  t.equal(e.length, fuse_entry_out.size + fuse_open_out.size)
  const n = reply()
  n.negative(5)
  const body = n.buffer.subarray(16)
  t.match(fuse_entry_out.decode(body), { nodeid: 0, entry_valid: 5, attr_valid: 0, ino: 0 })
  const s = reply()
  s.statx(60, statxBytes)
  t.equal(s.length, fuse_statx_out.size)
  t.equal(hex(s), `3c${'0'.repeat(62)}${statxBytes.toString('hex')}`)
})

void t.test('inode numbers of other devices than home are shown as others', async (t) => {
  const statxOut = Buffer.alloc(256)
  const path = Buffer.from('/')
  check(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statxOut), 'statx')
  const inode = statxOut.readBigUInt64LE(32)
  const [major, minor] = [statxOut.readUInt32LE(136), statxOut.readUInt32LE(140)]
  const shown = (home?: Device) => {
    const made = new Reply(4096, home)
    made.reset(4096)
    made.attr(1, statxOut)
    made.entry(2, 0, 1, 1, statxOut)
    made.statx(1, statxOut)
    made.direntplus(Buffer.from('a'), 1, 2, 0, 1, 1, statxOut)
    const entry = 16 + 104
    const statxOf = entry + 128
    const plus = statxOf + 32 + 256
    return [32, entry + 40, statxOf + 32 + 32, plus + 40, plus + 128].map((at) =>
      made.buffer.readBigUInt64LE(at),
    )
  }
  const same = Array<bigint>(5).fill(inode)
  t.same(shown(), same)
  t.same(shown({ major, minor }), same)
  for (const [home, others] of [
    [
      { major, minor: minor + 1 },
      { major: major + 1, minor },
    ],
    [
      { major: major + 1, minor },
      { major, minor: minor + 1 },
    ],
  ] as const) {
    const numbers = shown(home)
    t.equal(new Set(numbers).size, 1)
    t.not(numbers[0], inode)
    t.equal(BigInt.asUintN(48, numbers[0]!), inode)
    t.same(numbers, shown(others))
  }
})

void t.test('times before 1970 and device numbers of a real file', async (t) => {
  const statxOut = Buffer.alloc(256)
  const path = Buffer.from('/dev/null')
  check(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statxOut), 'statx')
  statxOut.writeBigInt64LE(-86_401n, 112)
  const made = reply()
  made.attr(1, statxOut)
  const { rdev, mtime } = fuse_attr_out.decode(made.buffer, 16)
  t.equal(mtime, -86_401)
  t.same(decodeDevice(rdev), { major: 1, minor: 3 })
  for (const [major, minor] of [
    [0, 0],
    [1, 3],
    [4095, 1048575],
    [259, 0x12345],
  ] as const) {
    t.same(decodeDevice(encodeDevice(major, minor)), { major, minor })
  }
  t.equal(encodeDevice(259, 0x12345), 0x12310345)
})

void t.test('directory entries: layout, padding, and full', async (t) => {
  const made = reply(24 + 8 + 24 + 16 + 31)
  t.ok(made.dirent(Buffer.from('abc'), 2 ** 52 + 3, 5, 8))
  t.ok(made.dirent(Buffer.from('12345678x'), 4, 6, 4))
  t.notOk(made.dirent(Buffer.from('z'), 1, 1, 1), 'one byte short')
  t.equal(
    hex(made),
    fromLines(`
      0300000000001000 ino
      0500000000000000 off
      03000000 namelen
      08000000 type
      6162630000000000 name
      0400000000000000 ino
      0600000000000000 off
      09000000 namelen
      04000000 type
      3132333435363738 name
      7800000000000000 name`),
  )
  const plus = reply(2 * (128 + 32) - 1)
  t.ok(plus.direntplus(Buffer.from('abc'), 5, 2 ** 52 + 7, 1, 3600, 60, statxBytes))
  t.notOk(plus.direntplus(Buffer.from('abc'), 5, 1, 1, 1, 1, statxBytes))
  t.equal(
    hex(plus),
    fromLines(`${entry}
      2122232425262728 ino
      0500000000000000 off
      03000000 namelen
      01000000 type
      6162630000000000 name`),
  )
})

void t.test('directory entries straight from getdents64', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tfs-reply-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'd'))
  rmdirSync(join(directory, 'd'))
  const long = 'x'.repeat(255)
  for (const name of ['a', 'b'.repeat(8), long]) writeFileSync(join(directory, name), '')
  const fd = openSync(directory, 'r')
  const dirents = Buffer.alloc(4096)
  const size = check(getdents64(fd, dirents), 'getdents64')
  closeSync(fd)
  const made = reply()
  const plus = reply()
  const positions: string[] = []
  for (let at = 0; at < size; at += dirents.readUInt16LE(at + 16)) {
    positions.push(dirents.toString('hex', at, at + 16))
    t.ok(made.dirent64(dirents, at))
    t.ok(plus.direntplus64(dirents, at, 3, 0, 1, 1, statxBytes))
  }
  const seen: string[] = []
  for (let at = 0; at < made.length;) {
    const { namelen, type } = fuse_dirent.decode(made.buffer, 16 + at)
    const name = made.buffer.toString('latin1', 16 + at + 24, 16 + at + 24 + namelen)
    t.equal(made.buffer.toString('hex', 16 + at, 16 + at + 16), positions[seen.length])
    t.equal(type, name.startsWith('.') ? 4 : 8)
    seen.push(name)
    at += (24 + namelen + 7) & ~7
  }
  t.same(seen.sort(), ['.', '..', 'a', 'b'.repeat(8), long])
  t.equal(plus.length, made.length + 5 * 128)
  const full = reply(24 + 7)
  t.notOk(full.dirent64(dirents, 0))
  t.equal(full.length, 0)
})

void t.test('room is filled in place, and no more than the request allows', async (t) => {
  const made = reply(100)
  const room = made.room(100)
  room.write('abc')
  made.used(3)
  t.equal(hex(made), '616263')
  made.reset(5000)
  t.equal(made.limit, 4096)
  t.throws(() => made.room(4097), { name: 'AssertionError' })
  t.throws(() => made.bytes(Buffer.alloc(4097)), { name: 'AssertionError' })
  t.equal(made.finish(2 ** 52 + 1, -2), 16, 'an error has no body')
  t.equal(made.buffer.toString('hex', 0, 16), '10000000feffffff0100000000001000')
})
