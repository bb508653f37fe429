// Notifications: telling the kernel unasked that something in its caches is no longer so.
//
// A notification takes locks that a request may hold while it waits for its answer: send one only
// from another thread than the session's, or for an object that no request under way concerns.

import { write } from '#posix'
import type { Fields, Struct, Values } from '#schema'
import { fuse_out_header } from './abi-header.js'
import {
  fuse_notify_delete_out,
  fuse_notify_inval_entry_out,
  fuse_notify_inval_inode_out,
  fuse_notify_store_out,
  notifyCodes,
} from './abi-notify.js'

/**
 * Drops an inode's attributes and its cached bytes [offset, offset + length); length 0: to the end;
 * offset -1: attributes alone. 0 or -errno; -ENOENT: the kernel does not know the inode.
 */
export const notifyInvalInode = (fd: number, nodeid: number, offset: number, length: number) =>
  notify(fd, 'FUSE_NOTIFY_INVAL_INODE', fuse_notify_inval_inode_out, {
    ino: nodeid,
    off: offset,
    len: length,
  })

/** Drops a name; with FUSE_EXPIRE_ONLY (7.38) it is only looked up again. 0 or -errno. */
export const notifyInvalEntry = (fd: number, parent: number, name: Buffer, flags = 0) =>
  notify(
    fd,
    'FUSE_NOTIFY_INVAL_ENTRY',
    fuse_notify_inval_entry_out,
    { parent, namelen: name.length, flags },
    [name, nul],
  )

/** As `notifyInvalEntry`, where `child` was deleted: tells watchers so. 0 or -errno. */
export const notifyDelete = (fd: number, parent: number, child: number, name: Buffer) =>
  notify(
    fd,
    'FUSE_NOTIFY_DELETE',
    fuse_notify_delete_out,
    { parent, child, namelen: name.length },
    [name, nul],
  )

/** Puts bytes into an inode's page cache. 0 or -errno. */
export const notifyStore = (fd: number, nodeid: number, offset: number, data: Buffer) =>
  notify(fd, 'FUSE_NOTIFY_STORE', fuse_notify_store_out, { nodeid, offset, size: data.length }, [
    data,
  ])

const nul = Buffer.alloc(1)

function notify<F extends Fields>(
  fd: number,
  code: keyof typeof notifyCodes,
  layout: Struct<F>,
  values: Partial<Values<F>>,
  tail: readonly Buffer[] = [],
): number {
  const head = Buffer.alloc(fuse_out_header.size + layout.size)
  const message = Buffer.concat([head, ...tail])
  fuse_out_header.encode(message, 0, { len: message.length, error: notifyCodes[code], unique: 0 })
  layout.encode(message, fuse_out_header.size, values)
  return Math.min(0, write(fd, message, 0, message.length))
}
