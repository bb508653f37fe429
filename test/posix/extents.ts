// What of a file has content, whoever has read it before.

import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  check,
  fallocate,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_KEEP_SIZE,
  firstWritten,
  lseek,
  SEEK_DATA,
} from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

const grain = 64 << 10

void t.test('holes and what is reserved are not written, zeros are', async (t) => {
  const disk = join(tempDirectory(t).path, 'disk')
  const mounted = `${disk}.mounted`
  fs.mkdirSync(mounted)
  fs.writeFileSync(disk, '')
  fs.truncateSync(disk, 32 << 20)
  execFileSync('mkfs.ext4', ['-q', disk])
  execFileSync('mount', ['-o', 'loop', disk, mounted])
  t.teardown(() => execFileSync('umount', ['-l', mounted]))
  const fd = fs.openSync(join(mounted, 'f'), 'w+')
  t.teardown(() => fs.closeSync(fd))
  t.equal(firstWritten(fd, 0, 10 * grain), -1, 'an empty file')
  fs.ftruncateSync(fd, 10 * grain)
  check(fallocate(fd, 0, 2 * grain, 2 * grain), 'fallocate')
  t.equal(firstWritten(fd, 0, 10 * grain), -1)
  fs.readSync(fd, Buffer.alloc(10 * grain), 0, 10 * grain, 0)
  t.equal(lseek(fd, 0, SEEK_DATA), 2 * grain, 'which is why it is not asked')
  t.equal(firstWritten(fd, 0, 10 * grain), -1)
  fs.writeSync(fd, Buffer.alloc(grain), 0, grain, 6 * grain)
  t.equal(firstWritten(fd, 0, 10 * grain), 6 * grain)
  t.equal(firstWritten(fd, 6 * grain + 5, 10 * grain), 6 * grain + 5)
  t.equal(firstWritten(fd, 0, 6 * grain), -1)
  t.equal(firstWritten(fd, 7 * grain, 10 * grain), -1)
  // Many extents, of which the last has content.
  for (let i = 0; i < 100; i++) check(fallocate(fd, 0, (20 + 2 * i) * grain, 4096), 'fallocate')
  check(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 6 * grain, grain), 'fallocate')
  t.equal(firstWritten(fd, 0, 300 * grain), -1)
  fs.writeSync(fd, 'x', 250 * grain)
  t.equal(firstWritten(fd, 0, 300 * grain), 250 * grain)
})
