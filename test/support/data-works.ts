// What else can be done to a file or directory, beside what names are for: ranges of content,
// extended attributes and ACLs, owners, files that stay open while their names move.

import * as fs from 'node:fs'
import {
  check,
  copyFileRange,
  fallocate,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  fremovexattr,
  fsetxattr,
  linkFd,
  AT_FDCWD,
  renameat2,
  RENAME_EXCHANGE,
} from '#posix'
import type { Random } from './random.js'

/** One thing that is tried; it throws where it fails. */
export type Work = (one: string, other: string) => void

const heldMax = 8
const sizeMax = 3 << 20
const modes = [
  0,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_ZERO_RANGE,
]

export function dataWorks(rng: Random): Work[] {
  const held: number[] = []
  const bytes = (limit: number) => Buffer.alloc(1 + rng.next(limit), rng.next(256))
  const name = () => Buffer.from(`user.${'ab'[rng.next(2)]}`)
  return [
    // Open for a while, written now and then, under whatever name.
    (one) => {
      if (held.length === heldMax) fs.closeSync(held.shift()!)
      held.push(fs.openSync(one, 'r+'))
    },
    () => {
      const fd = held[rng.next(heldMax)]
      if (fd !== undefined) fs.writeSync(fd, bytes(70_000), 0, undefined, rng.next(200_000))
    },
    (one) => within(one, 'a', (fd) => void fs.writeSync(fd, bytes(5000))),
    (one) =>
      within(one, 'r+', (fd) => {
        fs.writeSync(fd, bytes(9000), 0, undefined, rng.next(9000))
        if (rng.next(2)) fs.fsyncSync(fd)
        else fs.fdatasyncSync(fd)
      }),
    (one) =>
      rng.next(8) === 0 &&
      within(one, 'r+', (fd) => {
        fs.writeSync(fd, bytes(1 << 20), 0, undefined, rng.next(sizeMax))
      }),
    (one) =>
      within(one, 'r+', (fd) => {
        const mode = modes[rng.next(modes.length)]!
        check(fallocate(fd, mode, rng.next(300_000), 1 + rng.next(300_000)), 'fallocate')
      }),
    (one, other) =>
      within(one, 'r', (from) =>
        within(other, 'r+', (to) => {
          const [at, there] = [rng.next(20_000), rng.next(20_000)]
          check(copyFileRange(from, at, to, there, 1 + rng.next(100_000)), 'copy_file_range')
        }),
      ),
    (one) => within(one, 'r', (fd) => void check(fsetxattr(fd, name(), bytes(300)), 'setxattr')),
    (one) => within(one, 'r', (fd) => void check(fremovexattr(fd, name()), 'removexattr')),
    (one) =>
      within(one, 'r', (fd) => {
        const how = Buffer.from(`system.posix_acl_${rng.next(2) ? 'access' : 'default'}`)
        check(fsetxattr(fd, how, aclOf(rng)), 'setxattr')
      }),
    (one) => fs.lchownSync(one, rng.next(3), rng.next(3)),
    (one, other) => {
      const names = [one, other].map((path) => Buffer.from(path)) as [Buffer, Buffer]
      check(renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE), 'exchange')
    },
    // Without a name at first.
    (one, other) => {
      const fd = fs.openSync(one.slice(0, one.lastIndexOf('/')), tmpfile, 0o640)
      try {
        fs.writeSync(fd, bytes(20_000))
        check(linkFd(fd, AT_FDCWD, Buffer.from(other)), 'link')
      } finally {
        fs.closeSync(fd)
      }
    },
  ]
}

const tmpfile = 0o20200000 | fs.constants.O_RDWR

function within(path: string, flags: string, work: (fd: number) => void): void {
  const fd = fs.openSync(path, flags)
  try {
    work(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** As the attribute holds it: acl(5), linux/posix_acl_xattr.h. */
function aclOf(rng: Random): Buffer {
  const none = 0xffffffff
  const entries = [
    [1, rng.next(8), none],
    [2, rng.next(8), rng.next(3)],
    [4, rng.next(8), none],
    [16, 7, none],
    [32, rng.next(8), none],
  ] as const
  const acl = Buffer.alloc(4 + 8 * entries.length)
  acl.writeUInt32LE(2)
  for (const [i, [tag, permissions, id]] of entries.entries()) {
    acl.writeUInt16LE(tag, 4 + 8 * i)
    acl.writeUInt16LE(permissions, 6 + 8 * i)
    acl.writeUInt32LE(id, 8 + 8 * i)
  }
  return acl
}
