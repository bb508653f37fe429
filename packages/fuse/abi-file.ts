// Requests on open files and directories. Names, fields and sizes are those of linux/fuse.h, except
// that opaque 64-bit values (lock owners, directory positions) are two halves: exact, and no
// BigInt.

import { i32, i64, struct, u32, u64 } from '#schema'

export const fuse_open_in = struct('fuse_open_in', { flags: u32, open_flags: u32 }, 8)
export const fuse_create_in = struct(
  'fuse_create_in',
  { flags: u32, mode: u32, umask: u32, open_flags: u32 },
  16,
)
/** `backing_id` (7.40) is read only with FOPEN_PASSTHROUGH. */
export const fuse_open_out = struct(
  'fuse_open_out',
  { fh: u64, open_flags: u32, backing_id: i32 },
  16,
)

export const fuse_release_in = struct(
  'fuse_release_in',
  { fh: u64, flags: u32, release_flags: u32, lock_owner_lo: u32, lock_owner_hi: u32 },
  24,
)
export const fuse_flush_in = struct(
  'fuse_flush_in',
  { fh: u64, unused: u32, padding: u32, lock_owner_lo: u32, lock_owner_hi: u32 },
  24,
)
export const fuse_fsync_in = struct(
  'fuse_fsync_in',
  { fh: u64, fsync_flags: u32, padding: u32 },
  16,
)

export const fuse_read_in = struct(
  'fuse_read_in',
  {
    fh: u64,
    offset: u64,
    size: u32,
    read_flags: u32,
    lock_owner_lo: u32,
    lock_owner_hi: u32,
    flags: u32,
    padding: u32,
  },
  40,
)
/** fuse_read_in of READDIR, whose offset is a directory's opaque position (a hash on ext4). */
export const fuse_readdir_in = struct(
  'fuse_read_in (READDIR)',
  {
    fh: u64,
    offset_lo: u32,
    offset_hi: u32,
    size: u32,
    read_flags: u32,
    lock_owner_lo: u32,
    lock_owner_hi: u32,
    flags: u32,
    padding: u32,
  },
  40,
)

export const fuse_write_in = struct(
  'fuse_write_in',
  {
    fh: u64,
    offset: u64,
    size: u32,
    write_flags: u32,
    lock_owner_lo: u32,
    lock_owner_hi: u32,
    flags: u32,
    padding: u32,
  },
  40,
)
export const fuse_write_out = struct('fuse_write_out', { size: u32, padding: u32 }, 8)

export const fuse_fallocate_in = struct(
  'fuse_fallocate_in',
  { fh: u64, offset: u64, length: u64, mode: u32, padding: u32 },
  32,
)
export const fuse_lseek_in = struct(
  'fuse_lseek_in',
  { fh: u64, offset: i64, whence: u32, padding: u32 },
  24,
)
export const fuse_lseek_out = struct('fuse_lseek_out', { offset: u64 }, 8)

export const fuse_copy_file_range_in = struct(
  'fuse_copy_file_range_in',
  {
    fh_in: u64,
    off_in: u64,
    nodeid_out: u64,
    fh_out: u64,
    off_out: u64,
    len: u64,
    flags: u64,
  },
  56,
)
/** The answer of FUSE_COPY_FILE_RANGE_64 (7.45); the older opcode answers fuse_write_out. */
export const fuse_copy_file_range_out = struct('fuse_copy_file_range_out', { bytes_copied: u64 }, 8)

export const fuse_ioctl_in = struct(
  'fuse_ioctl_in',
  { fh: u64, flags: u32, cmd: u32, arg: u64, in_size: u32, out_size: u32 },
  32,
)
export const fuse_ioctl_out = struct(
  'fuse_ioctl_out',
  { result: i32, flags: u32, in_iovs: u32, out_iovs: u32 },
  16,
)
export const fuse_poll_in = struct(
  'fuse_poll_in',
  { fh: u64, kh: u64, flags: u32, events: u32 },
  24,
)
export const fuse_poll_out = struct('fuse_poll_out', { revents: u32, padding: u32 }, 8)

/** Followed by `namelen` bytes of name and zeros up to a multiple of 8. */
export const fuse_dirent = struct(
  'fuse_dirent',
  { ino: u64, off: u64, namelen: u32, type: u32 },
  24,
)
