// Requests on names and inodes: lookup counts, attributes, creation, renaming, xattrs, locks.
// Names, fields and sizes are those of linux/fuse.h; after a struct its NUL-terminated names
// follow.

import { i64, struct, u32, u64 } from '#schema'

export const fuse_forget_in = struct('fuse_forget_in', { nlookup: u64 }, 8)
export const fuse_forget_one = struct('fuse_forget_one', { nodeid: u64, nlookup: u64 }, 16)
export const fuse_batch_forget_in = struct('fuse_batch_forget_in', { count: u32, dummy: u32 }, 8)

export const fuse_getattr_in = struct(
  'fuse_getattr_in',
  { getattr_flags: u32, dummy: u32, fh: u64 },
  16,
)

export const fuse_setattr_in = struct(
  'fuse_setattr_in',
  {
    valid: u32,
    padding: u32,
    fh: u64,
    size: u64,
    lock_owner_lo: u32,
    lock_owner_hi: u32,
    atime: i64,
    mtime: i64,
    ctime: i64,
    atimensec: u32,
    mtimensec: u32,
    ctimensec: u32,
    mode: u32,
    unused4: u32,
    uid: u32,
    gid: u32,
    unused5: u32,
  },
  88,
)

export const fuse_mknod_in = struct(
  'fuse_mknod_in',
  { mode: u32, rdev: u32, umask: u32, padding: u32 },
  16,
)
export const fuse_mkdir_in = struct('fuse_mkdir_in', { mode: u32, umask: u32 }, 8)
export const fuse_rename_in = struct('fuse_rename_in', { newdir: u64 }, 8)
export const fuse_rename2_in = struct(
  'fuse_rename2_in',
  { newdir: u64, flags: u32, padding: u32 },
  16,
)
export const fuse_link_in = struct('fuse_link_in', { oldnodeid: u64 }, 8)

export const fuse_setxattr_in = struct(
  'fuse_setxattr_in',
  { size: u32, flags: u32, setxattr_flags: u32, padding: u32 },
  16,
)
/** What is sent where FUSE_SETXATTR_EXT was not agreed (before 7.33). */
export const fuse_setxattr_in_compat = struct(
  'fuse_setxattr_in (FUSE_COMPAT_SETXATTR_IN_SIZE)',
  { size: u32, flags: u32 },
  8,
)
export const fuse_getxattr_in = struct('fuse_getxattr_in', { size: u32, padding: u32 }, 8)
export const fuse_getxattr_out = struct('fuse_getxattr_out', { size: u32, padding: u32 }, 8)

const file_lock = { start: u64, end: u64, type: u32, pid: u32 } as const
export const fuse_lk_in = struct(
  'fuse_lk_in',
  { fh: u64, owner_lo: u32, owner_hi: u32, ...file_lock, lk_flags: u32, padding: u32 },
  48,
)
export const fuse_lk_out = struct('fuse_lk_out', file_lock, 24)

export const fuse_access_in = struct('fuse_access_in', { mask: u32, padding: u32 }, 8)
export const fuse_interrupt_in = struct('fuse_interrupt_in', { unique: u64 }, 8)
export const fuse_bmap_in = struct('fuse_bmap_in', { block: u64, blocksize: u32, padding: u32 }, 16)
export const fuse_bmap_out = struct('fuse_bmap_out', { block: u64 }, 8)
export const fuse_syncfs_in = struct('fuse_syncfs_in', { padding: u64 }, 8)
