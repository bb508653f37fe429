import { lstatSync, mkdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { errno, hasCapability, MNT_DETACH, mount, MS_NODEV, MS_NOSUID, umount2 } from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

void t.test('mount and umount2', (t) => {
  const { path } = tempDirectory(t)
  mkdirSync(`${path}/here`)
  const target = Buffer.from(`${path}/here`)
  const before = lstatSync(target).dev
  const flags = MS_NOSUID | MS_NODEV
  const mounted = mount(Buffer.from('none'), target, 'tmpfs', flags, 'size=64k,mode=0711')
  if (!hasCapability('CAP_SYS_ADMIN')) {
    t.equal(mounted, -errno.EPERM)
    t.equal(umount2(target), -errno.EPERM)
    return t.end()
  }
  try {
    t.equal(mounted, 0)
    t.not(lstatSync(target).dev, before)
    t.equal(lstatSync(target).mode & 0o7777, 0o711)
    writeFileSync(`${path}/here/x`, '')
    t.equal(mount(Buffer.from('none'), target, 'no-such-type', 0, ''), -errno.ENODEV)
    t.equal(mount(Buffer.from('none'), target, 'tmp\0fs', 0, ''), -errno.EINVAL)
    t.equal(mount(Buffer.from('none'), target, 'tmpfs', 0, 'x'.repeat(4096)), -errno.EINVAL)
    t.equal(umount2(target), 0)
    t.equal(lstatSync(target).dev, before)
    t.equal(umount2(target), -errno.EINVAL)
  } finally {
    umount2(target, MNT_DETACH)
  }
  t.end()
})
