// The kinds of random operations, and how often each comes. Those that change something look at
// what they changed, so that a wrong result shows at once and not only at the end.

import { atFlags, fallocateFlags, flagWord, openFlags, renameFlags } from '../flags.js'
import { stamps } from '../name-calls.js'
import { at, bytes, got, hashed, inOut, num, out, pattern, shown, str } from '../request-words.js'
import { statxSize } from '../stat-record.js'
import { aclBytes } from '../xattr-calls.js'
import type { Call } from './operation.js'
import type { Draw, OperationKind } from './random-operations.js'

const mapSize = 8192
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MS_SYNC = 4

const call = (words: string, compared: Call['compared'] = 'all'): Call => ({ words, compared })
const opened = (words: string, into: string): Call => ({ words, compared: 'errno', into })
const lstat = (path: string) =>
  call(`statx ${at(path)} ${num(atFlags.SYMLINK_NOFOLLOW)} n4095 ${out(statxSize)}`, 'stat')
const fstat = (fd: string) =>
  call(`statx ${fd} ${str('')} ${num(atFlags.EMPTY_PATH)} n4095 ${out(statxSize)}`, 'stat')
const listed = (dir: string) => call(`getdents64 ${dir} ${got(32_768)} n32768`, 'entries')

/** A call on a path, and what is there then. */
const onPath = (show: string, path: string, words: string) => ({
  show: `${show} ${shown(path)}`,
  calls: [call(words), lstat(path)],
})
/** A call on a descriptor, and what it is then. */
const onFd = (show: string, fd: string, words: string) => ({
  show: `${show} ${fd}`,
  calls: [call(words), fstat(fd)],
})
const onTwo = (show: string, from: string, to: string, words: string) => ({
  show: `${show} ${shown(from)} ${shown(to)}`,
  calls: [call(words), lstat(from), lstat(to)],
})

/** A path, in some cases from a kept descriptor on. */
function place(draw: Draw, path: string): string {
  return draw.oneIn(8) ? `${draw.fd()} ${str(path)}` : at(path)
}

function open(draw: Draw, path: string, flags: string) {
  const fd = draw.fd()
  // Without NONBLOCK the open of a FIFO waits.
  const word = flagWord(openFlags, `NONBLOCK|${flags}`)
  const words = `openat ${place(draw, path)} ${num(word)} ${num(draw.mode())}`
  const calls = [call(`close ${fd}`, 'errno'), opened(words, fd.slice(1)), fstat(fd)]
  return { show: `${fd} = open ${shown(path)} ${flags}`, calls }
}

const accesses = ['RDWR', 'RDWR', 'WRONLY', 'RDONLY']
const makings = ['CREAT', 'CREAT', 'CREAT|EXCL', 'CREAT|TRUNC', 'CREAT|APPEND', 'CREAT|NOFOLLOW']
const others = ['TRUNC', 'APPEND', 'NOFOLLOW', 'DIRECTORY']

const opening: OperationKind[] = [
  {
    weight: 16,
    make: (x) => open(x, x.path('file'), `${x.of(accesses)}|${x.of(makings)}`),
  },
  { weight: 4, make: (x) => open(x, x.path(), `${x.of(accesses)}|${x.of(others)}`) },
  { weight: 3, make: (x) => open(x, x.path('dir'), 'RDONLY|DIRECTORY') },
  { weight: 2, make: (x) => open(x, x.path('dir'), `${x.of(['RDWR', 'WRONLY'])}|TMPFILE`) },
  {
    weight: 3,
    make: (x) => {
      const fd = x.fd()
      return { show: `close ${fd}`, calls: [call(`close ${fd}`)] }
    },
  },
]

const data: OperationKind[] = [
  {
    weight: 8,
    make: (x) => {
      const [fd, size] = [x.fd(), x.size()]
      return onFd(`write ${size}`, fd, `write ${fd} ${pattern(size, x.seed())} ${num(size)}`)
    },
  },
  {
    weight: 10,
    make: (x) => {
      const [fd, size, offset] = [x.fd(), x.size(), x.offset()]
      const words = `pwrite64 ${fd} ${pattern(size, x.seed())} ${num(size)} ${num(offset)}`
      return onFd(`pwrite ${size} at ${offset}`, fd, words)
    },
  },
  {
    weight: 5,
    make: (x) => {
      const [fd, size] = [x.fd(), x.size()]
      return onFd(`read ${size}`, fd, `read ${fd} ${hashed(size)} ${num(size)}`)
    },
  },
  {
    weight: 8,
    make: (x) => {
      const [fd, size, offset] = [x.fd(), x.size(), x.offset()]
      const words = `pread64 ${fd} ${hashed(size)} ${num(size)} ${num(offset)}`
      return onFd(`pread ${size} at ${offset}`, fd, words)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const whence = x.next(3)
      // Where a directory ends is the file system's affair, so the end is asked of mapped files.
      // Not SEEK_DATA and SEEK_HOLE: what has been written back decides their answer.
      const [fd, offset] = [whence === 2 ? `$mapped${x.map()}` : x.fd(), x.offset()]
      return onFd(`lseek ${offset} ${whence}`, fd, `lseek ${fd} ${num(offset)} ${num(whence)}`)
    },
  },
  {
    weight: 6,
    make: (x) => {
      const [fd, size] = [x.fd(), x.offset()]
      return onFd(`ftruncate ${size}`, fd, `ftruncate ${fd} ${num(size)}`)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const [path, size] = [x.path('file'), x.offset()]
      return onPath(`truncate ${size}`, path, `truncate ${str(path)} ${num(size)}`)
    },
  },
  {
    weight: 5,
    make: (x) => {
      const modes = ['', 'KEEP_SIZE', 'PUNCH_HOLE|KEEP_SIZE', 'ZERO_RANGE', 'ZERO_RANGE|KEEP_SIZE']
      const [fd, mode] = [x.fd(), x.of(modes)]
      const [offset, size] = [x.offset(), x.size()]
      const words = `fallocate ${fd} ${num(flagWord(fallocateFlags, mode))}`
      return onFd(
        `fallocate ${mode} ${size} at ${offset}`,
        fd,
        `${words} ${num(offset)} ${num(size)}`,
      )
    },
  },
  {
    weight: 5,
    make: (x) => {
      const [from, to, offset, toOffset, size] = [x.fd(), x.fd(), x.offset(), x.offset(), x.size()]
      const words = `copy_file_range ${from} ${loff(offset)} ${to} ${loff(toOffset)}`
      const show = `copy_file_range ${from} ${offset} ${toOffset} ${size}`
      return onFd(show, to, `${words} ${num(size)} n0`)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const fd = x.fd()
      const name = x.of(['fsync', 'fdatasync'])
      return onFd(name, fd, `${name} ${fd}`)
    },
  },
]

/** Mapped memory: stored and at once forced to the file, because when it goes by itself is open. */
const mapping: OperationKind[] = [
  {
    weight: 2,
    make: (x) => {
      const [i, path] = [x.map(), x.path('file')]
      const [map, fd] = [`$map${i}`, `$mapped${i}`]
      const flags = num(flagWord(openFlags, 'RDWR|CREAT|NONBLOCK'))
      const words = `mmap n0 ${num(mapSize)} ${num(PROT_READ_WRITE)} ${num(MAP_SHARED)} ${fd} n0`
      const calls = [
        call(`munmap ${map} ${num(mapSize)}`, 'errno'),
        call(`close ${fd}`, 'errno'),
        opened(`openat ${at(path)} ${flags} n438`, `mapped${i}`),
        opened(words, `map${i}`),
        fstat(fd),
      ]
      return { show: `${map} = mmap ${shown(path)}`, calls }
    },
  },
  {
    weight: 5,
    make: (x) => {
      const i = x.map()
      const [map, fd, offset, size] = [`$map${i}`, `$mapped${i}`, 4096 * x.next(2), x.next(4096)]
      // The file is made to reach to the map's end: what is stored behind a file's end is lost.
      const calls = [
        call(`fallocate ${fd} n0 n0 ${num(mapSize)}`),
        call(`poke ${map}+${offset} ${pattern(size, x.seed())}`),
        call(`msync ${map} ${num(mapSize)} ${num(MS_SYNC)}`),
        fstat(fd),
      ]
      return { show: `store ${size} in ${map} at ${offset}`, calls }
    },
  },
  {
    weight: 3,
    make: (x) => {
      const map = `$map${x.map()}`
      return { show: `load ${map}`, calls: [call(`peek ${map} ${hashed(4096)}`)] }
    },
  },
]

const names: OperationKind[] = [
  {
    weight: 8,
    make: (x) => {
      const [path, mode] = [x.path('dir'), x.mode()]
      return onPath(`mkdir ${mode.toString(8)}`, path, `mkdirat ${place(x, path)} ${num(mode)}`)
    },
  },
  {
    weight: 2,
    make: (x) => {
      const path = x.path('dir')
      return onPath('rmdir', path, `unlinkat ${place(x, path)} ${num(atFlags.REMOVEDIR)}`)
    },
  },
  {
    weight: 6,
    make: (x) => {
      const path = x.path('file')
      return onPath('unlink', path, `unlinkat ${place(x, path)} n0`)
    },
  },
  {
    weight: 12,
    make: (x) => {
      const kind = x.of(['any', 'file', 'dir'] as const)
      const [from, to] = [x.path(kind), x.path(kind)]
      const flags = x.of(['', '', '', 'NOREPLACE', 'EXCHANGE'])
      const words = `renameat2 ${place(x, from)} ${place(x, to)}`
      return onTwo(`rename ${flags}`, from, to, `${words} ${num(flagWord(renameFlags, flags))}`)
    },
  },
  {
    weight: 7,
    make: (x) => {
      const [from, to] = [x.path('file'), x.path('file')]
      const flags = x.oneIn(4) ? atFlags.SYMLINK_FOLLOW : 0
      return onTwo('link', from, to, `linkat ${place(x, from)} ${place(x, to)} ${num(flags)}`)
    },
  },
  {
    weight: 4,
    make: (x) => {
      const [fd, to] = [x.fd(), x.path('file')]
      const words = `linkat ${fd} ${str('')} ${at(to)} ${num(atFlags.EMPTY_PATH)}`
      return onPath(`link ${fd}`, to, words)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const path = x.path('file')
      const target = x.of(['a', 'd', 'd/b', '../c', '../e', 'e/x y', 'nowhere'])
      return onPath(`symlink ${target}`, path, `symlinkat ${str(target)} ${place(x, path)}`)
    },
  },
  {
    weight: 2,
    make: (x) => {
      const path = x.path('file')
      return onPath('readlink', path, `readlinkat ${at(path)} ${got(100)} n100`)
    },
  },
  {
    weight: 1,
    make: (x) => {
      const path = x.path('file')
      // A FIFO, a socket, and /dev/null's numbers.
      const [mode, device] = x.of([
        [0o010644, 0],
        [0o140666, 0],
        [0o020666, 0x103],
      ] as const)
      return onPath('mknod', path, `mknodat ${place(x, path)} ${num(mode)} ${num(device)}`)
    },
  },
  {
    weight: 4,
    make: (x) => {
      const path = x.oneIn(4) ? '.' : x.path('dir')
      const flags = num(flagWord(openFlags, 'RDONLY|DIRECTORY'))
      const calls = [
        opened(`openat ${at(path)} ${flags} n0`, 'listed'),
        listed('$listed'),
        listed('$listed'),
        fstat('$listed'),
        call('close $listed'),
      ]
      return { show: `list ${shown(path)}`, calls }
    },
  },
]

const userAttributes = ['user.a', 'user.b', 'user.long-name']
const acls = [
  'u::rw-,u:1201:rw-,g::r--,m::rw-,o::---',
  'u::rwx,u:1201:rwx,g::r-x,g:1202:rwx,m::rwx,o::r-x',
  'u::rwx,u:1202:---,g::rwx,m::r-x,o::r--',
]
/** Long ago, before 1970, and in the far future; and now. */
const times = [
  { sec: 1_000_000_000n, nsec: 123_456_789 },
  { sec: 1n, nsec: 1 },
  { sec: -5n, nsec: 999_999_999 },
  { sec: 5_000_000_000n, nsec: 0 },
  'now',
  'omit',
] as const

const attributes: OperationKind[] = [
  {
    weight: 4,
    make: (x) => {
      const [path, mode] = [x.path(), x.mode()]
      return onPath(`chmod ${mode.toString(8)}`, path, `fchmodat ${place(x, path)} ${num(mode)}`)
    },
  },
  {
    weight: 2,
    make: (x) => {
      const [fd, mode] = [x.fd(), x.mode()]
      return onFd(`fchmod ${mode.toString(8)}`, fd, `fchmod ${fd} ${num(mode)}`)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const [path, uid, gid] = [x.path(), x.id(), x.id()]
      const flags = x.oneIn(2) ? atFlags.SYMLINK_NOFOLLOW : 0
      const words = `fchownat ${place(x, path)} ${num(uid)} ${num(gid)} ${num(flags)}`
      return onPath(`chown ${uid}:${gid}`, path, words)
    },
  },
  {
    weight: 2,
    make: (x) => {
      const [fd, uid, gid] = [x.fd(), x.id(), x.id()]
      return onFd(`fchown ${uid}:${gid}`, fd, `fchown ${fd} ${num(uid)} ${num(gid)}`)
    },
  },
  {
    weight: 4,
    make: (x) => {
      const [path, time] = [x.path(), bytes(stamps(x.of(times), x.of(times)))]
      const flags = x.oneIn(2) ? atFlags.SYMLINK_NOFOLLOW : 0
      return onPath('utimens', path, `utimensat ${place(x, path)} ${time} ${num(flags)}`)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const [fd, time] = [x.fd(), bytes(stamps(x.of(times), x.of(times)))]
      return onFd('futimens', fd, `utimensat ${fd} n0 ${time} n0`)
    },
  },
  {
    weight: 4,
    make: (x) => {
      const [fd, path, name, size] = [x.fd(), x.path(), x.of(userAttributes), x.next(200)]
      const what = `${str(name)} ${pattern(size, x.seed())} ${num(size)} ${num(x.of([0, 0, 1, 2]))}`
      if (x.oneIn(3)) return onFd(`setxattr ${name}`, fd, `fsetxattr ${fd} ${what}`)
      return onPath(`setxattr ${name}`, path, `lsetxattr ${str(path)} ${what}`)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const path = x.path()
      const name = x.of([...userAttributes, 'system.posix_acl_access', 'system.posix_acl_default'])
      const list = call(`llistxattr ${str(path)} ${got(4096)} n4096`, 'names')
      const words = `lgetxattr ${str(path)} ${str(name)} ${got(4096)} n4096`
      return { show: `getxattr ${name} ${shown(path)}`, calls: [call(words), list] }
    },
  },
  {
    weight: 2,
    make: (x) => {
      const [path, name] = [x.path(), x.of([...userAttributes, 'system.posix_acl_access'])]
      return onPath(`removexattr ${name}`, path, `lremovexattr ${str(path)} ${str(name)}`)
    },
  },
  {
    weight: 2,
    make: (x) => {
      const kind = x.of(['access', 'default'])
      const [path, acl] = [x.path(kind === 'default' ? 'dir' : 'any'), aclBytes(x.of(acls))]
      const what = `${str(`system.posix_acl_${kind}`)} ${bytes(acl)} ${num(acl.length)} n0`
      return onPath(`set ${kind} ACL`, path, `setxattr ${str(path)} ${what}`)
    },
  },
]

export const operationKinds: OperationKind[] = [
  ...opening,
  ...data,
  ...mapping,
  ...names,
  ...attributes,
]

function loff(offset: number): string {
  const raw = Buffer.alloc(8)
  raw.writeBigInt64LE(BigInt(offset))
  return inOut(raw)
}
