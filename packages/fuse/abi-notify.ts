// Notifications: what the file system tells the kernel unasked. Names, fields and sizes are those
// of linux/fuse.h.

import { i64, struct, u32, u64 } from '#schema'

/** `enum fuse_notify_code`: stands in fuse_out_header.error, with `unique` 0. */
export const notifyCodes = {
  FUSE_NOTIFY_POLL: 1,
  FUSE_NOTIFY_INVAL_INODE: 2,
  FUSE_NOTIFY_INVAL_ENTRY: 3,
  FUSE_NOTIFY_STORE: 4,
  FUSE_NOTIFY_RETRIEVE: 5,
  FUSE_NOTIFY_DELETE: 6,
  FUSE_NOTIFY_RESEND: 7,
  FUSE_NOTIFY_INC_EPOCH: 8,
  FUSE_NOTIFY_PRUNE: 9,
} as const

export const fuse_notify_inval_inode_out = struct(
  'fuse_notify_inval_inode_out',
  { ino: u64, off: i64, len: i64 },
  24,
)
export const fuse_notify_inval_entry_out = struct(
  'fuse_notify_inval_entry_out',
  { parent: u64, namelen: u32, flags: u32 },
  16,
)
export const fuse_notify_delete_out = struct(
  'fuse_notify_delete_out',
  { parent: u64, child: u64, namelen: u32, padding: u32 },
  24,
)
export const fuse_notify_store_out = struct(
  'fuse_notify_store_out',
  { nodeid: u64, offset: u64, size: u32, padding: u32 },
  24,
)
