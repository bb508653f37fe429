// Attributes, entries and what STATFS and STATX answer. Names, fields and sizes are those of
// linux/fuse.h; times are signed there in fact (the kernel casts them), so they are i64 here.

import { i64, struct, u16, u32, u64 } from '#schema'

const attr = {
  ino: u64,
  size: u64,
  blocks: u64,
  atime: i64,
  mtime: i64,
  ctime: i64,
  atimensec: u32,
  mtimensec: u32,
  ctimensec: u32,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  rdev: u32,
  blksize: u32,
  flags: u32,
} as const

export const fuse_attr = struct('fuse_attr', attr, 88)

export const fuse_entry_out = struct(
  'fuse_entry_out',
  {
    nodeid: u64,
    generation: u64,
    entry_valid: u64,
    attr_valid: u64,
    entry_valid_nsec: u32,
    attr_valid_nsec: u32,
    ...attr,
  },
  128,
)

export const fuse_attr_out = struct(
  'fuse_attr_out',
  { attr_valid: u64, attr_valid_nsec: u32, dummy: u32, ...attr },
  104,
)

export const fuse_kstatfs = struct(
  'fuse_kstatfs',
  {
    blocks: u64,
    bfree: u64,
    bavail: u64,
    files: u64,
    ffree: u64,
    bsize: u32,
    namelen: u32,
    frsize: u32,
    padding: u32,
    spare0: u32,
    spare1: u32,
    spare2: u32,
    spare3: u32,
    spare4: u32,
    spare5: u32,
  },
  80,
)

export const fuse_statx_in = struct(
  'fuse_statx_in',
  { getattr_flags: u32, reserved: u32, fh: u64, sx_flags: u32, sx_mask: u32 },
  24,
)

/** `struct fuse_statx`, which is laid out like the first 144 bytes of statx(2)'s `struct statx`. */
const statx = {
  mask: u32,
  blksize: u32,
  attributes: u64,
  nlink: u32,
  uid: u32,
  gid: u32,
  mode: u16,
  spare0: u16,
  ino: u64,
  size: u64,
  blocks: u64,
  attributes_mask: u64,
  atime: i64,
  atimensec: u32,
  reserved0: u32,
  btime: i64,
  btimensec: u32,
  reserved1: u32,
  ctime: i64,
  ctimensec: u32,
  reserved2: u32,
  mtime: i64,
  mtimensec: u32,
  reserved3: u32,
  rdev_major: u32,
  rdev_minor: u32,
  dev_major: u32,
  dev_minor: u32,
  spare2_0: u64,
  spare2_1: u64,
  spare2_2: u64,
  spare2_3: u64,
  spare2_4: u64,
  spare2_5: u64,
  spare2_6: u64,
  spare2_7: u64,
  spare2_8: u64,
  spare2_9: u64,
  spare2_10: u64,
  spare2_11: u64,
  spare2_12: u64,
  spare2_13: u64,
} as const

export const fuse_statx = struct('fuse_statx', statx, 256)

export const fuse_statx_out = struct(
  'fuse_statx_out',
  { attr_valid: u64, attr_valid_nsec: u32, flags: u32, spare_0: u64, spare_1: u64, ...statx },
  288,
)
