// What operations in the stream mean for an assertion that is under way; and by which name of a
// file with several they are said, so that they mean little.

import type { Body, OperationName } from '#wire'
import type { LinkGroups } from './link-groups.js'
import type { InodeKey } from './node.js'
import type { Pending } from './pending.js'

interface Followed {
  readonly pending: Pending
  readonly links: LinkGroups
  readonly isRight: (path: Buffer) => boolean
}

/** An operation that has just been emitted. */
export function follow<K extends OperationName>(walk: Followed, name: K, body: Body<K>): void {
  const { pending, links, isRight } = walk
  pending.follow(name, body)
  links.follow(name, body, isRight)
  const { path } = body as { path: Buffer }
  if (links.isEmpty || !changing.has(name) || isRight(path)) return
  // Where it has another name, which is stated, that name's copy did not change. Its own did, as
  // far as it is stated.
  for (const other of links.of(path)) if (!other.equals(path)) pending.add(other)
}

/**
 * What a change of the inode `key`, which is called `path`, is to be said of: a name whose copy is
 * what other names become links of, so that none has to be stated again. `path`: there is no better
 * one. To be asked before the change is made.
 */
export function nameFor(walk: Followed, key: InodeKey, path: Buffer): Buffer {
  const { pending, links, isRight } = walk
  const isBegun = (one: Buffer) => pending.isBegun(one)
  if (isRight(path)) return path
  const right = links.nameOf(key, isRight)
  if (right || isBegun(path)) return right ?? path
  return links.nameOf(key, isBegun) ?? path
}

/** Operations that change what a name stands for, and so what stands for it elsewhere. */
const changing: ReadonlySet<OperationName> = new Set<OperationName>([
  'write',
  'truncate',
  'fallocate',
  'copy',
  'setattr',
  'setxattr',
  'removexattr',
])
