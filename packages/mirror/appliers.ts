// How each operation is done, by the name of its row: a row without one does not compile.

import type { Body, OperationName } from '#wire'
import { removexattr, setattr, setxattr } from './apply-attributes.js'
import { copy, fallocate, fsync, truncate, write } from './apply-contents.js'
import { create, link, mkdir, mknod, rename, rmdir, symlink, unlink } from './apply-names.js'
import type { Tree } from './tree.js'

/**
 * Does an operation whose body `fault` has passed: 0, -errno or a refusal. `tree.began` says
 * afterwards whether something has changed, also where it failed.
 */
export type Apply<K extends OperationName> = (tree: Tree, body: Body<K>) => number

export type Appliers = { readonly [K in OperationName]: Apply<K> }

export const appliers: Appliers = {
  create,
  mkdir,
  mknod,
  symlink,
  link,
  unlink,
  rmdir,
  rename,
  write,
  truncate,
  fallocate,
  copy,
  setattr,
  setxattr,
  removexattr,
  fsync,
}
