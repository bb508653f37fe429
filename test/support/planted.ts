// Differences of every kind, put into a copy of a generated tree at random places, each at a path
// of its own; whatever else a change would leave behind, as the directory's time, is put back.

import * as fs from 'node:fs'
import { join } from 'node:path'
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  check,
  close,
  fsetxattr,
  O_NOFOLLOW,
  O_PATH,
  openat,
  Stat,
  fstat,
  utimensat,
  UTIME_OMIT,
} from '#posix'
import type { Random } from './random.js'

export interface Planted {
  readonly kind: string
  /** Paths that may be named for it, one at least; and what is to be said of that. */
  readonly paths: readonly string[]
  readonly what: RegExp
  /** What else may be said of these. */
  readonly also?: RegExp
  /** A path whose links changed by it. */
  readonly beside?: string
}

type Kind = (place: Place) => Planted | undefined

interface Place {
  readonly root: string
  readonly rng: Random
  /** A path below the root that nothing is planted at: of a file, or as `isFit` has it. */
  readonly pick: (isFit?: (path: string, stat: fs.Stats) => boolean) => string
  /** All names of the file at a path, or that one. */
  readonly namesOf: (path: string) => readonly string[]
}

const isPlain = (_path: string, stat: fs.Stats) => stat.isFile() && stat.nlink === 1
const isFull = (path: string, stat: fs.Stats) => isPlain(path, stat) && stat.size > 0

const beingOther = /^(content|size|mode|owner|group|mtime|xattr|hole)$/

/** The ten kinds, by name. */
export const kinds: Readonly<Record<string, Kind>> = {
  bit({ root, rng, pick }) {
    const path = pick(isFull)
    keeping(join(root, path), () => {
      const fd = fs.openSync(join(root, path), 'r+')
      const at = rng.next(fs.fstatSync(fd).size)
      const byte = Buffer.alloc(1)
      fs.readSync(fd, byte, 0, 1, at)
      byte[0]! ^= 1 << rng.next(8)
      fs.writeSync(fd, byte, 0, 1, at)
      fs.closeSync(fd)
    })
    // Where it was a hole, it is none any longer.
    return { kind: 'bit', paths: [path], what: /^content$/, also: /^hole$/ }
  },

  size({ root, rng, pick }) {
    const path = pick(isFull)
    keeping(join(root, path), (stat) => {
      const size = rng.next(2) ? rng.next(stat.size) : stat.size + 1 + rng.next(5000)
      fs.truncateSync(join(root, path), size)
    })
    return { kind: 'size', paths: [path], what: /^size$/, also: /^(content|hole)$/ }
  },

  mode({ root, rng, pick, namesOf }) {
    const path = pick((_path, stat) => !stat.isSymbolicLink() && stat.nlink < 3)
    fs.chmodSync(
      join(root, path),
      (fs.statSync(join(root, path)).mode & 0o7777) ^ (1 << rng.next(9)),
    )
    return { kind: 'mode', paths: namesOf(path), what: /^mode$/ }
  },

  owner({ root, rng, pick, namesOf }) {
    const path = pick((_path, stat) => (stat.mode & 0o6000) === 0)
    const { uid, gid } = fs.lstatSync(join(root, path))
    const isGroup = rng.next(2) === 0
    fs.lchownSync(join(root, path), isGroup ? uid : uid + 1, isGroup ? gid + 1 : gid)
    return { kind: 'owner', paths: namesOf(path), what: isGroup ? /^group$/ : /^owner$/ }
  },

  time({ root, rng, pick, namesOf }) {
    const path = pick(() => true)
    const [sec, nsec] = timeOf(join(root, path))
    const isSmall = rng.next(2) === 0
    setTime(join(root, path), isSmall ? sec : sec + 1, isSmall ? (nsec + 1) % 1e9 : nsec)
    return { kind: 'time', paths: namesOf(path), what: /^mtime$/ }
  },

  xattr({ root, rng, pick, namesOf }) {
    const path = pick((_path, stat) => stat.isFile() || stat.isDirectory())
    const names = ['user.planted', 'trusted.planted', 'system.posix_acl_access']
    const name = names[rng.next(names.length)]!
    const acl =
      '0200000001000700ffffffff02000700010000000400 0500ffffffff10000700ffffffff20000500ffffffff'
    const value = name.startsWith('system')
      ? Buffer.from(acl.replace(' ', ''), 'hex')
      : Buffer.of(1)
    const fd = fs.openSync(join(root, path), 'r')
    check(fsetxattr(fd, Buffer.from(name), value), 'setxattr', path)
    fs.closeSync(fd)
    // The mode of a file with an ACL has its mask.
    return { kind: 'xattr', paths: namesOf(path), what: /^xattr$/, also: /^mode$/ }
  },

  link(place) {
    return [brokenLink, joinedFiles, joinedLinks, otherTarget][place.rng.next(4)]!(place)
  },

  missing({ root, pick }) {
    const path = pick((path, stat) =>
      stat.isDirectory() ? fs.readdirSync(join(root, path)).length === 0 : stat.nlink === 1,
    )
    keepingParent(join(root, path), () => fs.rmSync(join(root, path), { recursive: true }))
    return { kind: 'missing', paths: [path], what: /^missing$/ }
  },

  extra({ root, rng, pick }) {
    const beside = pick(isPlain)
    const path = `${beside}.extra`
    const full = join(root, path)
    keepingParent(full, () => {
      const way = rng.next(4)
      if (way === 0) fs.mkdirSync(full)
      else if (way === 1) fs.writeFileSync(full, 'extra')
      else if (way === 2) fs.symlinkSync(beside, full)
      else fs.linkSync(join(root, beside), full)
    })
    return { kind: 'extra', paths: [path], what: /^extra$/, beside }
  },

  hole({ root, pick }) {
    const path = pick((path, stat) => isPlain(path, stat) && /\/sparse-/.test(path))
    keeping(join(root, path), (stat) => {
      const fd = fs.openSync(join(root, path), 'r+')
      const bytes = Buffer.alloc(stat.size)
      fs.readSync(fd, bytes, 0, stat.size, 0)
      fs.writeSync(fd, bytes, 0, stat.size, 0)
      fs.closeSync(fd)
    })
    return { kind: 'hole', paths: [path], what: /^hole$/ }
  },
}

/** Puts `each` differences of each kind below `root`. */
export function plant(root: string, each: number, rng: Random): Planted[] {
  const paths = fs
    .readdirSync(root, { recursive: true, encoding: 'utf8' })
    // Names that are no text are another test's.
    .filter((path) => !/^\.tfs(\/|$)|^odd\//.test(path) && !path.includes('\ufffd'))
    .sort()
  const stats = new Map(paths.map((path) => [path, fs.lstatSync(join(root, path))]))
  const inodes = new Map<number, string[]>()
  for (const [path, { ino }] of stats) inodes.set(ino, [...(inodes.get(ino) ?? []), path])
  const namesOf = (path: string) => inodes.get(stats.get(path)!.ino)!
  const used = new Set<string>()
  const pick: Place['pick'] = (isFit = isPlain) => {
    for (let tries = 0; tries < 100_000; tries++) {
      const path = paths[rng.next(paths.length)]!
      if (used.has(path) || !isFit(path, stats.get(path)!)) continue
      for (const one of namesOf(path)) used.add(one)
      return path
    }
    throw new Error('the tree has too few things to change')
  }
  const planted: Planted[] = []
  const place = { root, rng, pick, namesOf }
  for (let i = 0; i < each; i++) for (const kind of Object.values(kinds)) planted.push(kind(place)!)
  return planted
}

// A name that is a copy by now, where it was a link.
function brokenLink({ root, pick, namesOf }: Place): Planted {
  const path = pick((path, stat) => stat.isFile() && stat.nlink === 2 && /\/hard-/.test(path))
  const full = join(root, path)
  keepingParent(full, () => {
    const draft = `${full}.draft`
    fs.copyFileSync(full, draft)
    like(full, draft)
    fs.renameSync(draft, full)
  })
  return { kind: 'link', paths: namesOf(path), what: /^link$/ }
}

// Two files that are one.
function joinedFiles({ root, pick }: Place): Planted {
  const [one, other] = [pick(isPlain), pick(isPlain)]
  keepingParent(join(root, other), () => {
    fs.rmSync(join(root, other))
    fs.linkSync(join(root, one), join(root, other))
  })
  return { kind: 'link', paths: [one, other], what: /^link$/, also: beingOther }
}

// Two files that have two names each are one with four.
function joinedLinks({ root, pick, namesOf }: Place): Planted {
  const isTwice = (path: string, stat: fs.Stats) => stat.nlink === 2 && /\/hard-/.test(path)
  const [one, other] = [pick(isTwice), pick(isTwice)]
  for (const name of namesOf(other))
    keepingParent(join(root, name), () => {
      fs.rmSync(join(root, name))
      fs.linkSync(join(root, one), join(root, name))
    })
  const paths = [...namesOf(one), ...namesOf(other)]
  return { kind: 'link', paths, what: /^link$/, also: beingOther }
}

function otherTarget({ root, pick }: Place): Planted {
  const path = pick((_path, stat) => stat.isSymbolicLink())
  const full = join(root, path)
  const [sec, nsec] = timeOf(full)
  const { uid, gid } = fs.lstatSync(full)
  keepingParent(full, () => {
    const target = fs.readlinkSync(full)
    fs.rmSync(full)
    fs.symlinkSync(`${target}.`, full)
  })
  fs.lchownSync(full, uid, gid)
  setTime(full, sec, nsec)
  return { kind: 'link', paths: [path], what: /^target$/ }
}

/** Gives `copy` the owner, mode and time of `path`. */
export function like(path: string, copy: string): void {
  const { mode, uid, gid } = fs.statSync(path)
  fs.chownSync(copy, uid, gid)
  fs.chmodSync(copy, mode)
  setTime(copy, ...timeOf(path))
}

function keeping(path: string, work: (stat: fs.Stats) => void): void {
  const [sec, nsec] = timeOf(path)
  const stat = fs.statSync(path)
  work(stat)
  // A write takes these away.
  fs.chmodSync(path, stat.mode)
  setTime(path, sec, nsec)
}

const keepingParent = (path: string, work: () => void): void => {
  const parent = join(path, '..')
  const [sec, nsec] = timeOf(parent)
  work()
  setTime(parent, sec, nsec)
}

function timeOf(path: string): [number, number] {
  const stat = new Stat()
  const fd = check(openat(AT_FDCWD, Buffer.from(path), O_PATH | O_NOFOLLOW), 'open', path)
  check(fstat(fd, stat.buffer), 'stat', path)
  close(fd)
  return [stat.mtimeSec, stat.mtimeNsec]
}

function setTime(path: string, mtimeSec: number, mtimeNsec: number): void {
  const times = { atimeSec: 0, atimeNsec: UTIME_OMIT, mtimeSec, mtimeNsec }
  check(utimensat(AT_FDCWD, Buffer.from(path), times, AT_SYMLINK_NOFOLLOW), 'utimens', path)
}
