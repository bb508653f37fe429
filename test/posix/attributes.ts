import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import * as posix from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

const { AT_EMPTY_PATH, errno, noName, O_PATH, O_NOFOLLOW, UTIME_NOW, UTIME_OMIT } = posix
const name = (text: string) => Buffer.from(text)
const mayChown = posix.hasCapability('CAP_CHOWN')

function tree(t: { teardown(end: () => void): void }) {
  const directory = tempDirectory(t)
  writeFileSync(`${directory.path}/file`, '', { mode: 0o600 })
  symlinkSync('file', `${directory.path}/link`)
  mkdirSync(`${directory.path}/dir`)
  const mode = (which: string) => lstatSync(`${directory.path}/${which}`).mode & 0o7777
  const owner = (which: string) => {
    const { uid, gid } = lstatSync(`${directory.path}/${which}`)
    return [uid, gid]
  }
  const times = (which: string) => {
    const { atimeNs, mtimeNs } = lstatSync(`${directory.path}/${which}`, { bigint: true })
    return [atimeNs, mtimeNs]
  }
  return { ...directory, root: directory.fd, mode, owner, times }
}

void t.test('fchownat and fchown', (t) => {
  const { root, owner } = tree(t)
  const self = owner('file') as [number, number]
  const other: [number, number] = mayChown ? [12345, 4294967290] : self
  t.equal(posix.fchownat(root, name('link'), ...other), 0)
  t.same(owner('link'), other)
  t.same(owner('file'), self, 'the link was not followed')
  t.equal(posix.fchownat(root, name('file'), -1, other[1]), 0)
  t.same(owner('file'), [self[0], other[1]])
  const held = posix.openat(root, name('file'), O_PATH)
  t.equal(posix.fchownat(held, noName, other[0], -1, AT_EMPTY_PATH), 0)
  t.same(owner('file'), other)
  t.equal(posix.fchown(held, 0, 0), -errno.EBADF)
  posix.close(held)
  const fd = posix.openat(root, name('dir'), posix.O_RDONLY)
  t.equal(posix.fchown(fd, ...other), 0)
  t.same(owner('dir'), other)
  for (const bad of [-2, 1.5, NaN, 2 ** 32]) {
    t.equal(posix.fchownat(root, name('file'), bad, -1), -errno.EINVAL)
    t.equal(posix.fchown(fd, -1, bad), -errno.EINVAL)
  }
  posix.close(fd)
  t.equal(posix.fchownat(root, name('none'), -1, -1), -errno.ENOENT)
  t.end()
})

function modes(t: Test) {
  const { root, mode } = tree(t)
  t.equal(posix.fchmodat(root, name('file'), 0o4751), 0)
  t.equal(mode('file'), 0o4751)
  t.equal(posix.fchmodat(root, name('link'), 0o600), -errno.EOPNOTSUPP)
  t.equal(mode('file'), 0o4751)
  t.equal(posix.fchmodat(root, name('link'), 0o640, 0), 0, 'followed when asked to')
  t.equal(mode('file'), 0o640)
  const held = posix.openat(root, name('file'), O_PATH | O_NOFOLLOW)
  t.equal(posix.fchmodat(held, noName, 0o755, AT_EMPTY_PATH), 0)
  t.equal(mode('file'), 0o755)
  posix.close(held)
  const link = posix.openat(root, name('link'), O_PATH | O_NOFOLLOW)
  t.equal(posix.fchmodat(link, noName, 0o700, AT_EMPTY_PATH), -errno.EOPNOTSUPP)
  posix.close(link)
  t.equal(mode('file'), 0o755)
  t.equal(posix.fchmodat(root, name('none'), 0o600), -errno.ENOENT)
  const fd = posix.openat(root, name('dir'), posix.O_RDONLY)
  t.equal(posix.fchmod(fd, 0o1777), 0)
  posix.close(fd)
  t.equal(mode('dir'), 0o1777)
  t.equal(posix.fchmod(fd, 0o1777), -errno.EBADF)
  t.end()
}

void t.test('fchmodat and fchmod', modes)
void t.test('fchmodat on a kernel without fchmodat2', (t) => {
  posix.injectFault({ call: 'fchmodat2', nth: 1, errno: errno.ENOSYS })
  t.teardown(() => posix.clearFaults())
  modes(t)
})

void t.test('utimensat', (t) => {
  const { root, path, times } = tree(t)
  const stamp = { atimeSec: -1, atimeNsec: 999_999_999, mtimeSec: -2_000_000_000, mtimeNsec: 1 }
  const ns = [-1n, -1_999_999_999_999_999_999n]
  const before = times('file')
  t.equal(posix.utimensat(root, name('link'), stamp), 0)
  t.same(times('link'), ns)
  t.same(times('file'), before, 'the link was not followed')
  t.equal(posix.utimensat(root, name('file'), stamp), 0)
  t.same(times('file'), ns)
  const late = { atimeSec: 10_000_000_000, atimeNsec: 5, mtimeSec: 0, mtimeNsec: 0 }
  t.equal(posix.utimensat(root, name('file'), { ...late, mtimeNsec: UTIME_OMIT }), 0)
  t.same(times('file'), [10_000_000_000_000_000_005n, ns[1]])
  const held = posix.openat(root, name('file'), O_PATH)
  t.equal(posix.utimensat(held, noName, stamp, AT_EMPTY_PATH), 0)
  t.same(times('file'), ns)
  posix.close(held)
  t.equal(posix.utimensat(root, null, stamp), 0)
  t.same(lstatSync(path, { bigint: true }).mtimeNs, ns[1])
  t.equal(posix.futimens(root, { ...stamp, atimeNsec: UTIME_OMIT, mtimeNsec: UTIME_NOW }), 0)
  t.ok(lstatSync(path, { bigint: true }).mtimeNs > 0n)
  t.equal(posix.futimens(-1, stamp), -errno.EBADF)
  t.equal(posix.utimensat(root, name('none'), stamp), -errno.ENOENT)
  t.end()
})

void t.test('times that are none', (t) => {
  const { root, times } = tree(t)
  const before = times('file')
  const good = { atimeSec: 1, atimeNsec: 1, mtimeSec: 1, mtimeNsec: 1 }
  for (const bad of [NaN, 0.5, 2 ** 53, -(2 ** 53), Infinity]) {
    t.equal(posix.utimensat(root, name('file'), { ...good, atimeSec: bad }), -errno.EINVAL)
    t.equal(posix.utimensat(root, name('file'), { ...good, mtimeSec: bad }), -errno.EINVAL)
  }
  for (const bad of [NaN, 0.5, -1, 1_000_000_000, 0x3fffffff + 1]) {
    t.equal(posix.utimensat(root, name('file'), { ...good, atimeNsec: bad }), -errno.EINVAL)
    t.equal(posix.futimens(root, { ...good, mtimeNsec: bad }), -errno.EINVAL)
  }
  t.same(times('file'), before)
  t.end()
})
