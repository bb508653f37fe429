import { lstatSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import t from 'tap'
import * as posix from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

const { AT_SYMLINK_NOFOLLOW, errno, Stat, STATX_BASIC_STATS, statxStruct } = posix
const name = (text: string) => Buffer.from(text)

void t.test('every field is what Node says', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/file`, 'x'.repeat(5000), { mode: 0o640 })
  symlinkSync('file', `${path}/link`)
  utimesSync(`${path}/file`, -12.5, 4_294_967_300.25)
  for (const which of ['file', 'link', '.']) {
    const stat = new Stat()
    const flags = AT_SYMLINK_NOFOLLOW
    t.equal(posix.statx(root, name(which), flags, STATX_BASIC_STATS, stat.buffer), 0)
    const node = lstatSync(`${path}/${which}`, { bigint: true })
    const ns = (sec: number, nsec: number) => BigInt(sec) * 1_000_000_000n + BigInt(nsec)
    const ours = {
      mode: stat.mode,
      nlink: stat.nlink,
      uid: stat.uid,
      gid: stat.gid,
      size: stat.size,
      blocks: stat.blocks,
      blksize: stat.blksize,
      ino: stat.ino,
      rdev: stat.rdev,
    }
    for (const [field, value] of Object.entries(ours)) {
      t.equal(BigInt(value), node[field as keyof typeof ours], `${which}: ${field}`)
    }
    t.equal(ns(stat.atimeSec, stat.atimeNsec), node.atimeNs, `${which}: atime`)
    t.equal(ns(stat.mtimeSec, stat.mtimeNsec), node.mtimeNs, `${which}: mtime`)
    t.equal(ns(stat.ctimeSec, stat.ctimeNsec), node.ctimeNs, `${which}: ctime`)
    t.equal((BigInt(stat.inoHigh) << 32n) | BigInt(stat.inoLow), node.ino)
    t.equal(BigInt(posix.makedev(stat.devMajor, stat.devMinor)), node.dev)
    t.equal(stat.type, Number(node.mode) & posix.S_IFMT)
    t.equal(stat.mask & STATX_BASIC_STATS, STATX_BASIC_STATS)
    const decoded = statxStruct.decode(stat.buffer)
    t.equal(decoded.stx_ino, node.ino)
    t.equal(decoded.stx_size, stat.size)
    t.equal(decoded.stx_mtime_sec, stat.mtimeSec)
    t.equal(decoded.stx_mode, stat.mode)
  }
  t.end()
})

void t.test('links are followed without the flag, and identity is told', (t) => {
  const { fd: root, path } = tempDirectory(t)
  writeFileSync(`${path}/file`, '')
  symlinkSync('file', `${path}/link`)
  const [file, link, followed] = [new Stat(), new Stat(), new Stat()]
  posix.statx(root, name('file'), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, file.buffer)
  posix.statx(root, name('link'), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, link.buffer)
  posix.statx(root, name('link'), 0, STATX_BASIC_STATS, followed.buffer)
  t.ok(file.isSame(followed))
  t.notOk(file.isSame(link))
  t.end()
})

void t.test('fstat of a descriptor, O_PATH and symlink included', (t) => {
  const { fd: root, path } = tempDirectory(t)
  symlinkSync('nowhere', `${path}/link`)
  const stat = new Stat()
  t.equal(posix.fstat(root, stat.buffer), 0)
  t.equal(stat.type, posix.S_IFDIR)
  t.equal(stat.ino, statSync(path).ino)
  const fd = posix.openat(root, name('link'), posix.O_PATH | posix.O_NOFOLLOW)
  t.equal(posix.fstat(fd, stat.buffer), 0)
  t.equal(stat.type, posix.S_IFLNK)
  posix.close(fd)
  t.equal(posix.fstat(fd, stat.buffer), -errno.EBADF)
  t.end()
})

void t.test('errors', (t) => {
  const { fd: root } = tempDirectory(t)
  t.equal(posix.statx(root, name('none'), 0, STATX_BASIC_STATS, new Stat().buffer), -errno.ENOENT)
  t.equal(posix.fstat(root, Buffer.alloc(255)), -errno.EFAULT)
  t.equal(posix.statx(root, name('.'), 1, STATX_BASIC_STATS, new Stat().buffer), -errno.EINVAL)
  t.end()
})

void t.test('into the middle of a larger buffer, and nowhere else', (t) => {
  const { fd: root } = tempDirectory(t)
  const area = Buffer.alloc(1024, 0xaa)
  t.equal(posix.fstat(root, area.subarray(300, 556)), 0)
  t.ok(area.subarray(0, 300).every((byte) => byte === 0xaa))
  t.ok(area.subarray(556).every((byte) => byte === 0xaa))
  const stat = new Stat()
  posix.fstat(root, stat.buffer)
  t.equal(statxStruct.decode(area, 300).stx_ino, statxStruct.decode(stat.buffer).stx_ino)
  t.end()
})

void t.test('a small buffer, which the engine could keep within its own heap', (t) => {
  const { fd: root } = tempDirectory(t)
  const file = posix.openat(root, name('f'), posix.O_RDWR | posix.O_CREAT, 0o600)
  t.equal(posix.pwrite(file, Uint8Array.of(1, 2, 3), 0, 3, 0), 3)
  const out = new Uint8Array(3)
  t.equal(posix.pread(file, out, 0, 3, 0), 3)
  t.same([...out], [1, 2, 3])
  posix.close(file)
  t.end()
})

void t.test('device numbers', (t) => {
  for (const [major, minor] of [
    [0, 0],
    [1, 3],
    [8, 255],
    [259, 256],
    [0xfff, 0xfffff],
  ] as const) {
    const dev = posix.makedev(major, minor)
    t.same([posix.majorOf(dev), posix.minorOf(dev)], [major, minor])
  }
  t.equal(posix.makedev(1, 3), 0x103)
  t.equal(posix.makedev(259, 0x12345), 0x12310345)
  t.equal(BigInt(posix.makedev(1, 3)), lstatSync('/dev/null', { bigint: true }).rdev)
  t.end()
})
