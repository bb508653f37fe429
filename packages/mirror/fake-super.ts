// Owners, modes, devices and attributes that only root can give, kept in extended attributes as
// rsync --fake-super keeps them (rsync(1), rsync's xattrs.c), so that rsync can read the copy back.
// What is neither a file nor a directory is a file here, as rsync makes it; a symbolic link's
// content is its target.

import { AT_EMPTY_PATH, errno, fchmodat, fgetxattr, fremovexattr, fsetxattr, fstat } from '#posix'
import { noName, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID, S_ISUID, Stat } from '#posix'
import { XATTR_NAME_MAX, XATTR_SIZE_MAX } from '#posix'
import { which as bits } from '#wire'
import type { LeftOut } from './left-out.js'
import { refusal } from './refusal.js'
import { inheritedAccess, parseAcl, permissionsOf } from './stored-acl.js'
import { storedAccess, storedDefault } from './stored-acl.js'

const prefix = Buffer.from('user.rsync.')
const statName = Buffer.from('user.rsync.%stat')
const accessName = Buffer.from('user.rsync.%aacl')
const defaultName = Buffer.from('user.rsync.%dacl')
const capabilityName = Buffer.from('user.rsync.security.capability')
const acls: ReadonlyMap<string, Buffer> = new Map([
  ['system.posix_acl_access', accessName],
  ['system.posix_acl_default', defaultName],
])
const S_IXGRP = 0o010

/** What something stands for: st_mode, device, owner. */
export interface Stored {
  mode: number
  major: number
  minor: number
  uid: number
  gid: number
}

export class FakeSuper {
  readonly #modeMask: number
  readonly #leftOut: LeftOut
  readonly #say: (line: string) => void
  readonly #stat = new Stat()
  readonly #stored: Stored & { isNoted: boolean }
  readonly #value = Buffer.alloc(XATTR_SIZE_MAX)
  #hasSaid = false

  constructor(untrusted: boolean, leftOut: LeftOut, say: (line: string) => void) {
    this.#modeMask = untrusted ? 0o777 : 0o7777
    this.#leftOut = leftOut
    this.#say = say
    this.#stored = { mode: 0, major: 0, minor: 0, uid: 0, gid: 0, isNoted: false }
  }

  /** Of what was just made, open as `fd` (O_PATH will do), in `directory`. 0 or -errno. */
  made(fd: number, directory: number, { mode, major, minor, uid, gid }: Stored): number {
    const type = mode & S_IFMT
    if (type !== S_IFREG && type !== S_IFDIR) this.#sayKind()
    const allowed = type === S_IFLNK ? mode : type | this.#allowed(mode)
    Object.assign(this.#stored, { mode: allowed, major, minor, uid, gid, isNoted: true })
    return this.#write(fd) || (type === S_IFLNK ? 0 : this.#inherit(fd, directory, type))
  }

  /** Sets those that `which` names, with the bits cleared that chown(2) clears. 0 or -errno. */
  set(fd: number, which: number, mode: number, uid: number, gid: number): number {
    const stored = this.#stored
    const e = this.#read(fd)
    if (e < 0) return e
    const type = stored.mode & S_IFMT
    if (which & bits.UID) stored.uid = uid
    if (which & bits.GID) stored.gid = gid
    if (which & (bits.UID | bits.GID) && type === S_IFREG) {
      stored.mode &= ~(S_ISUID | (stored.mode & S_IXGRP ? S_ISGID : 0))
      const failed = remove(fd, capabilityName)
      if (failed < 0) return failed
    }
    if (which & bits.MODE && type !== S_IFLNK) stored.mode = type | this.#allowed(mode)
    return this.#write(fd)
  }

  /**
   * 0 where `fd` is a file that stands for a file. As of a file that is about to be written to, it
   * has no capabilities then.
   */
  contents(fd: number, isWriting: boolean): number {
    const e = this.#read(fd)
    if (e < 0) return e
    if ((this.#stored.mode & S_IFMT) !== S_IFREG) return refusal.NOT_REGULAR
    if (isWriting) fremovexattr(fd, capabilityName)
    return 0
  }

  /** What `fd` stands for, until the next call; undefined where it has nothing noted. */
  look(fd: number): Readonly<Stored> | undefined {
    return this.#read(fd) === 0 && this.#stored.isNoted ? this.#stored : undefined
  }

  /**
   * The name that an attribute has here. What is rsync's own, or would be taken for it, gets the
   * prefix of what rsync takes it from again. Undefined where it would be too long.
   */
  nameOf(name: Buffer): Buffer | undefined {
    const text = name.toString('latin1')
    const isOwn = text.startsWith('user.') && !text.startsWith('user.rsync.')
    if (isOwn || !/^(user|trusted|security)\../.test(text)) return name
    const here = Buffer.concat([prefix, name])
    return here.length > XATTR_NAME_MAX ? undefined : here
  }

  /** As what the attribute is kept; undefined where it is not. */
  held(name: Buffer, value: Buffer): { name: Buffer; value: Buffer } | undefined {
    const acl = acls.get(name.toString('latin1'))
    const here = acl ?? this.nameOf(name)
    if (!acl) return here && { name: here, value }
    const parsed = parseAcl(value)
    if (!parsed || typeof parsed === 'number') return undefined
    if (acl === defaultName) return { name: acl, value: storedDefault(parsed) }
    return parsed.names.length > 0 ? { name: acl, value: storedAccess(parsed) } : undefined
  }

  /** The name of what is kept under the name `here`; undefined for what stands for no attribute. */
  originOf(here: string): string | undefined {
    if (here === statName.toString()) return undefined
    for (const [name, held] of acls) if (here === held.toString()) return name
    return here.startsWith(prefix.toString()) ? here.slice(prefix.length) : here
  }

  /** Whether the attribute is an ACL, which `setAcl` sets. */
  isAcl(name: Buffer): boolean {
    return acls.has(name.toString('latin1'))
  }

  /** With an empty `value`: removes it. 0 or -errno. */
  setAcl(fd: number, name: Buffer, value: Buffer): number {
    const acl = parseAcl(value)
    if (typeof acl === 'number') return acl
    const here = acls.get(name.toString('latin1')) as Buffer
    const e = this.#read(fd)
    if (e < 0) return e
    const type = this.#stored.mode & S_IFMT
    if (type === S_IFLNK) return -errno.EOPNOTSUPP
    if (here === defaultName) {
      if (type !== S_IFDIR) return acl ? -errno.EACCES : 0
      return acl ? fsetxattr(fd, here, storedDefault(acl)) : remove(fd, here)
    }
    if (!acl) return remove(fd, here)
    // A mask without names changes nothing that the mode does not say as well.
    if (acl.names.length === 0 && acl.mask !== undefined) this.#leftOut.add('extended attributes')
    const failed = acl.names.length > 0 ? fsetxattr(fd, here, storedAccess(acl)) : remove(fd, here)
    if (failed < 0) return failed
    this.#stored.mode = (this.#stored.mode & ~0o777) | permissionsOf(acl)
    return this.#write(fd)
  }

  /** The mode that something gets here. */
  modeHere(mode: number): number {
    return mode & this.#modeMask
  }

  #allowed(mode: number): number {
    if (mode & 0o7777 & ~this.#modeMask) this.#leftOut.add('set-id bits')
    return mode & this.#modeMask
  }

  // An inherited ACL is no message of its own: the kernel gives it where ACLs are real.
  #inherit(fd: number, directory: number, type: number): number {
    const length = fgetxattr(directory, defaultName, this.#value)
    if (length <= 0) return 0
    const value = Buffer.from(this.#value.subarray(0, length))
    const access = inheritedAccess(value)
    const e = access ? fsetxattr(fd, accessName, access) : 0
    return e || (type === S_IFDIR ? fsetxattr(fd, defaultName, value) : 0)
  }

  // From the attribute, or what it is itself. One without sense is as none, and soon replaced.
  #read(fd: number): number {
    const e = fstat(fd, this.#stat.buffer)
    if (e < 0) return e
    const { mode, uid, gid } = this.#stat
    const stored = this.#stored
    Object.assign(stored, { mode, major: 0, minor: 0, uid, gid, isNoted: false })
    const length = fgetxattr(fd, statName, this.#value)
    if (length <= 0) return 0
    const text = this.#value.toString('latin1', 0, length)
    const words = /^([0-7]{1,7}) (\d{1,10}),(\d{1,10}) (\d{1,10}):(\d{1,10})\0?$/.exec(text)
    if (!words) return 0
    stored.mode = parseInt(words[1] as string, 8)
    stored.major = Number(words[2])
    stored.minor = Number(words[3])
    stored.uid = Number(words[4])
    stored.gid = Number(words[5])
    stored.isNoted = true
    return 0
  }

  // As set_stat_xattr() of rsync: its owner can always read and write it here, and nothing is noted
  // of what is what it stands for.
  #write(fd: number): number {
    const { mode, major, minor, uid, gid, isNoted } = this.#stored
    const stat = this.#stat
    const e = fstat(fd, stat.buffer)
    if (e < 0) return e
    // One that a run without this has made. It can have no such attributes.
    if (stat.type === S_IFLNK) return 0
    const here = stat.type | (mode & 0o777) | (stat.type === S_IFDIR ? 0o700 : 0o600)
    if (stat.mode !== here) {
      const failed = fchmodat(fd, noName, here & 0o7777, AT_EMPTY_PATH)
      if (failed < 0) return failed
    }
    if (mode === here && uid === stat.uid && gid === stat.gid)
      return isNoted ? remove(fd, statName) : 0
    const text = `${mode.toString(8)} ${major},${minor} ${uid}:${gid}`
    return fsetxattr(fd, statName, Buffer.from(text))
  }

  #sayKind(): void {
    if (this.#hasSaid) return
    this.#hasSaid = true
    this.#say('symbolic links, devices, FIFOs and sockets are kept as files (--ids xattr)')
  }
}

const isFailure = (e: number) => e < 0 && e !== -errno.ENODATA && e !== -errno.EOPNOTSUPP

function remove(fd: number, name: Buffer): number {
  const e = fremovexattr(fd, name)
  return isFailure(e) ? e : 0
}
