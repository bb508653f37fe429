// Who owns what in the mirror, and with which mode: by the numbers of the stream, as root; or as a
// user, as far as a user can.

import { AT_EMPTY_PATH, errno, fchmodat, fchownat, getegid, geteuid, noName } from '#posix'
import { hasCapability, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID, S_ISUID } from '#posix'
import { which as bits } from '#wire'
import type { LeftOut } from './left-out.js'

/**
 * `map` takes a user's or group's number and gives the one to use here; with `xattr` FakeSuper
 * keeps them.
 */
export type Ids =
  | { readonly kind: 'numeric' }
  | { readonly kind: 'ignore' }
  | { readonly kind: 'map'; readonly map: ReadonlyMap<number, number> }
  | { readonly kind: 'xattr' }

const S_IXGRP = 0o010
/** To chown(2): leave it. */
const keep = -1

export class Owners {
  readonly #ids: Ids
  readonly #leftOut: LeftOut
  /** The mode bits that are set at all. */
  readonly #modeMask: number
  readonly #canGive = hasCapability('CAP_CHOWN')
  readonly #uid = geteuid()
  readonly #groups = new Set([getegid(), ...(process.getgroups?.() ?? [])])

  constructor(ids: Ids, untrusted: boolean, leftOut: LeftOut) {
    this.#ids = ids
    this.#leftOut = leftOut
    this.#modeMask = untrusted ? 0o777 : 0o7777
  }

  /** Owner and mode of what was just made, open as `fd` (O_PATH will do). 0 or -errno. */
  made(fd: number, type: number, mode: number, uid: number, gid: number): number {
    return this.set(fd, type, bits.MODE | bits.UID | bits.GID, mode, uid, gid)
  }

  /**
   * Sets those that `which` names, the owner first, since it clears bits of the mode; `current` is
   * the mode, with its type, before.
   */
  set(fd: number, current: number, which: number, mode: number, uid: number, gid: number): number {
    const newUid = which & bits.UID ? this.#uidFor(uid) : keep
    const newGid = which & bits.GID ? this.#gidFor(gid) : keep
    let given = newUid !== keep || newGid !== keep
    if (given) {
      const e = fchownat(fd, noName, newUid, newGid, AT_EMPTY_PATH)
      given = e === 0
      if (e < 0 && !this.#isBeyondUs(e)) return e
      if (e < 0) this.#leftOut.add('owners')
    }
    const type = current & S_IFMT
    if (!(which & bits.MODE)) return given ? 0 : this.#clear(fd, current, which)
    if (type === S_IFLNK) return 0
    let allowed = this.#modeMask
    // A set-id bit stands for its owner: without that one it would lend somebody else's rights.
    if (which & bits.UID && !(given && newUid === uid) && uid !== this.#uid) allowed &= ~S_ISUID
    if (which & bits.GID && !(given && newGid === gid) && type !== S_IFDIR) allowed &= ~S_ISGID
    if (mode & ~allowed & 0o7777) this.#leftOut.add('set-id bits')
    return fchmodat(fd, noName, mode & allowed, AT_EMPTY_PATH)
  }

  /** The owner that something gets here; undefined where that cannot be said. */
  ownerHere(uid: number): number | undefined {
    const { kind } = this.#ids
    if (kind === 'ignore' || kind === 'xattr') return undefined
    const wanted = kind === 'map' ? (this.#ids.map.get(uid) ?? uid) : uid
    return this.#canGive || wanted === this.#uid ? wanted : undefined
  }

  groupHere(gid: number): number | undefined {
    const { kind } = this.#ids
    if (kind === 'ignore' || kind === 'xattr') return undefined
    const wanted = kind === 'map' ? (this.#ids.map.get(gid) ?? gid) : gid
    return this.#canGive || this.#groups.has(wanted) ? wanted : undefined
  }

  /** The mode that something of that type and owner gets here: without set-id bits of others. */
  modeHere(mode: number, type: number, uid: number, gid: number): number {
    let allowed = this.#modeMask
    if (this.ownerHere(uid) !== uid && uid !== this.#uid) allowed &= ~S_ISUID
    if (this.groupHere(gid) !== gid && type !== S_IFDIR) allowed &= ~S_ISGID
    return mode & allowed
  }

  // What chown(2) would have done to the mode, where there was none.
  #clear(fd: number, current: number, which: number): number {
    if (!(which & (bits.UID | bits.GID)) || (current & S_IFMT) !== S_IFREG) return 0
    const lost = S_ISUID | (current & S_IXGRP ? S_ISGID : 0)
    return current & lost ? fchmodat(fd, noName, current & ~lost & 0o7777, AT_EMPTY_PATH) : 0
  }

  #uidFor(uid: number): number {
    if (this.#ids.kind === 'ignore') return keep
    const wanted = this.#ids.kind === 'map' ? (this.#ids.map.get(uid) ?? uid) : uid
    if (this.#canGive) return wanted
    if (wanted !== this.#uid) this.#leftOut.add('owners')
    return keep
  }

  #gidFor(gid: number): number {
    if (this.#ids.kind === 'ignore') return keep
    const wanted = this.#ids.kind === 'map' ? (this.#ids.map.get(gid) ?? gid) : gid
    if (this.#canGive || this.#groups.has(wanted)) return wanted
    this.#leftOut.add('owners')
    return keep
  }

  // EINVAL: an id that has no place in this user namespace.
  #isBeyondUs(e: number): boolean {
    return e === -errno.EINVAL || (e === -errno.EPERM && !this.#canGive)
  }
}
