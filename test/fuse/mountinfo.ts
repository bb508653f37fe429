import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseMountinfo, readMounts } from '#fuse'

void t.test('lines of the manual, optional fields, escapes, bytes', async (t) => {
  const text = Buffer.from(
    [
      '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue',
      '37 36 0:45 / /a\\040b\\011c\\012d\\134e\\043 rw shared:1 master:2 - fuse.tfs s\\040 rw',
      '38 36 0:46 / /caf\xe9\xff rw - tmpfs none rw',
      '39 36 0:47 / /dash rw - fuse - rw',
      'not a line',
      '40 36 0:48 / /short rw',
      '',
    ].join('\n'),
    'latin1',
  )
  const mounts = parseMountinfo(text)
  t.equal(mounts.length, 4)
  t.same(mounts[0], {
    id: 36,
    parentId: 35,
    major: 98,
    minor: 0,
    mountPoint: Buffer.from('/mnt2'),
    fsType: 'ext3',
    source: Buffer.from('/dev/root'),
  })
  t.equal(mounts[1]!.mountPoint.toString(), '/a b\tc\nd\\e#')
  t.equal(mounts[1]!.fsType, 'fuse.tfs')
  t.equal(mounts[1]!.source.toString(), 's ')
  t.same(mounts[2]!.mountPoint, Buffer.from([...Buffer.from('/caf'), 0xe9, 0xff]))
  t.equal(mounts[3]!.source.toString(), '-')
})

void t.test('those of this process', async (t) => {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').trim().split('\n')
  const mounts = readMounts()
  t.equal(mounts.length, lines.length)
  t.ok(mounts.some(({ mountPoint }) => mountPoint.toString() === '/proc'))
})
