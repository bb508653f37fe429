// Random operations on attributes.

import { atFlags } from '../flags.js'
import { stamps } from '../name-calls.js'
import { bytes, got, num, pattern, shown, str } from '../request-words.js'
import { aclBytes } from '../xattr-calls.js'
import { call, onFd, onPath, place } from './operation-calls.js'
import type { Draw, OperationKind } from './random-operations.js'

/** Never -1:-1, which clears set-id bits: it comes to a FUSE server as a write's clearing of them
 * does, so that the mount lets everybody do it. */
function owner(x: Draw): [number, number] {
  const [uid, gid] = [x.id(), x.id()]
  return [uid, uid === -1 && gid === -1 ? 1202 : gid]
}

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

export const attributes: OperationKind[] = [
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
      const [path, uid, gid] = [x.path(), ...owner(x)]
      const flags = x.oneIn(2) ? atFlags.SYMLINK_NOFOLLOW : 0
      const words = `fchownat ${place(x, path)} ${num(uid)} ${num(gid)} ${num(flags)}`
      return onPath(`chown ${uid}:${gid}`, path, words)
    },
  },
  {
    weight: 2,
    make: (x) => {
      const [fd, uid, gid] = [x.fd(), ...owner(x)]
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
