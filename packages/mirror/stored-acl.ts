// POSIX ACLs as rsync --fake-super keeps them in its attributes user.rsync.%aacl and %dacl
// (rsync's acls.c): permissions of owner, group, mask and others as u32, 0x80 where there are
// none, then an id and its permissions for each name, with the highest bit set for users.

import { errno } from '#posix'

// linux/posix_acl_xattr.h
const version = 2
const headerSize = 4
const entrySize = 8
const tag = { USER_OBJ: 1, USER: 2, GROUP_OBJ: 4, GROUP: 8, MASK: 16, OTHER: 32 } as const

const noEntry = 0x80
const nameIsUser = 0x80000000
const fixedSize = 16

interface Name {
  readonly id: number
  readonly isUser: boolean
  readonly permissions: number
}

/** Permissions, 0 to 7 each. */
export interface Acl {
  readonly user: number
  readonly group: number
  readonly mask: number | undefined
  readonly other: number
  readonly names: readonly Name[]
}

/**
 * From the value of system.posix_acl_access or _default: undefined for one without entries, which
 * stands for none; -EINVAL or -EOPNOTSUPP as the kernel says for one that is no ACL.
 */
export function parseAcl(value: Buffer): Acl | undefined | number {
  if (value.length === 0) return undefined
  if (value.length < headerSize) return -errno.EINVAL
  if (value.readUInt32LE(0) !== version) return -errno.EOPNOTSUPP
  if ((value.length - headerSize) % entrySize !== 0) return -errno.EINVAL
  if (value.length === headerSize) return undefined
  const single = new Map<number, number>()
  const names: Name[] = []
  let last = 0
  for (let at = headerSize; at < value.length; at += entrySize) {
    const kind = value.readUInt16LE(at)
    const permissions = value.readUInt16LE(at + 2)
    const isName = kind === tag.USER || kind === tag.GROUP
    // In the order of the tags, as posix_acl_valid() wants them.
    if (permissions > 7 || kind < last || (kind === last && !isName)) return -errno.EINVAL
    if (isName)
      names.push({ id: value.readUInt32LE(at + 4), isUser: kind === tag.USER, permissions })
    else single.set(kind, permissions)
    last = kind
  }
  const user = single.get(tag.USER_OBJ)
  const group = single.get(tag.GROUP_OBJ)
  const mask = single.get(tag.MASK)
  const other = single.get(tag.OTHER)
  const isKnown = [...single.keys()].every((kind) => Object.values<number>(tag).includes(kind))
  if (user === undefined || group === undefined || other === undefined || !isKnown)
    return -errno.EINVAL
  return names.length > 0 && mask === undefined
    ? -errno.EINVAL
    : { user, group, mask, other, names }
}

/** The permission bits of a file with this access ACL. */
export const permissionsOf = ({ user, group, mask, other }: Acl): number =>
  (user << 6) | ((mask ?? group) << 3) | other

/** `user.rsync.%dacl` */
export const storedDefault = (acl: Acl): Buffer =>
  stored(acl.user, acl.group, acl.mask ?? noEntry, acl.other, acl.names)

/**
 * `user.rsync.%aacl`: what the mode does not say. The mask is in the mode. A reader takes a group
 * equal to the stored mask for one that is equal to the mode's as well, which a later chmod makes
 * untrue: the mask that is stored is never equal to the group.
 */
export const storedAccess = ({ group, names }: Acl): Buffer =>
  stored(noEntry, group, group ^ 7, noEntry, names)

/** The access ACL of what is made in a directory with this `user.rsync.%dacl`, if it has one. */
export function inheritedAccess(storedAcl: Buffer): Buffer | undefined {
  if (storedAcl.length <= fixedSize) return undefined
  const out = Buffer.from(storedAcl)
  const group = out.readUInt32LE(4)
  for (const [i, value] of [noEntry, group, group ^ 7, noEntry].entries())
    out.writeUInt32LE(value, i * 4)
  return out
}

function stored(
  user: number,
  group: number,
  mask: number,
  other: number,
  names: readonly Name[],
): Buffer {
  const out = Buffer.alloc(fixedSize + names.length * 8)
  for (const [i, value] of [user, group, mask, other].entries()) out.writeUInt32LE(value, i * 4)
  for (const [i, { id, isUser, permissions }] of names.entries()) {
    out.writeUInt32LE(id, fixedSize + i * 8)
    out.writeUInt32LE(permissions + (isUser ? nameIsUser : 0), fixedSize + i * 8 + 4)
  }
  return out
}
