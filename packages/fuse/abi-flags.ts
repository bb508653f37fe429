// The flags of linux/fuse.h (7.45), with the kernel's names and, where they say more than the name,
// its comments.

/** fuse_setattr_in.valid */
export const fattr = {
  FATTR_MODE: 1 << 0,
  FATTR_UID: 1 << 1,
  FATTR_GID: 1 << 2,
  FATTR_SIZE: 1 << 3,
  FATTR_ATIME: 1 << 4,
  FATTR_MTIME: 1 << 5,
  FATTR_FH: 1 << 6,
  FATTR_ATIME_NOW: 1 << 7,
  FATTR_MTIME_NOW: 1 << 8,
  FATTR_LOCKOWNER: 1 << 9,
  FATTR_CTIME: 1 << 10,
  FATTR_KILL_SUIDGID: 1 << 11,
} as const

/** fuse_open_out.open_flags */
export const fopen = {
  FOPEN_DIRECT_IO: 1 << 0,
  FOPEN_KEEP_CACHE: 1 << 1,
  FOPEN_NONSEEKABLE: 1 << 2,
  FOPEN_CACHE_DIR: 1 << 3,
  FOPEN_STREAM: 1 << 4,
  FOPEN_NOFLUSH: 1 << 5,
  FOPEN_PARALLEL_DIRECT_WRITES: 1 << 6,
  FOPEN_PASSTHROUGH: 1 << 7,
} as const

/** fuse_open_in.open_flags, fuse_create_in.open_flags: kill suid, and sgid if executable. */
export const FUSE_OPEN_KILL_SUIDGID = 1 << 0
/** fuse_setxattr_in.setxattr_flags: clear sgid when system.posix_acl_access is set. */
export const FUSE_SETXATTR_ACL_KILL_SGID = 1 << 0
/** fuse_getattr_in.getattr_flags: `fh` is valid. */
export const FUSE_GETATTR_FH = 1 << 0
/** fuse_fsync_in.fsync_flags: data only. */
export const FUSE_FSYNC_FDATASYNC = 1 << 0
/** fuse_lk_in.lk_flags */
export const FUSE_LK_FLOCK = 1 << 0
/** fuse_read_in.read_flags */
export const FUSE_READ_LOCKOWNER = 1 << 1
/** fuse_notify_inval_entry_out.flags: the entry expires, but is not dropped. */
export const FUSE_EXPIRE_ONLY = 1 << 0

/** fuse_write_in.write_flags */
export const fuseWrite = {
  /** Written back from the page cache (a shared mapping): `fh` is a guess, the caller unknown. */
  FUSE_WRITE_CACHE: 1 << 0,
  FUSE_WRITE_LOCKOWNER: 1 << 1,
  FUSE_WRITE_KILL_SUIDGID: 1 << 2,
} as const

/** fuse_release_in.release_flags */
export const fuseRelease = {
  FUSE_RELEASE_FLUSH: 1 << 0,
  FUSE_RELEASE_FLOCK_UNLOCK: 1 << 1,
} as const

/** fuse_attr.flags */
export const fuseAttr = {
  FUSE_ATTR_SUBMOUNT: 1 << 0,
  FUSE_ATTR_DAX: 1 << 1,
} as const

/**
 * INIT flags, by bit: bits 0-31 travel in `flags`, 32-63 in `flags2` (with FUSE_INIT_EXT, 7.36).
 */
export const initFlagBits = {
  FUSE_ASYNC_READ: 0,
  FUSE_POSIX_LOCKS: 1,
  FUSE_FILE_OPS: 2,
  FUSE_ATOMIC_O_TRUNC: 3,
  FUSE_EXPORT_SUPPORT: 4,
  FUSE_BIG_WRITES: 5,
  FUSE_DONT_MASK: 6,
  FUSE_SPLICE_WRITE: 7,
  FUSE_SPLICE_MOVE: 8,
  FUSE_SPLICE_READ: 9,
  FUSE_FLOCK_LOCKS: 10,
  FUSE_HAS_IOCTL_DIR: 11,
  FUSE_AUTO_INVAL_DATA: 12,
  FUSE_DO_READDIRPLUS: 13,
  FUSE_READDIRPLUS_AUTO: 14,
  FUSE_ASYNC_DIO: 15,
  FUSE_WRITEBACK_CACHE: 16,
  FUSE_NO_OPEN_SUPPORT: 17,
  FUSE_PARALLEL_DIROPS: 18,
  FUSE_HANDLE_KILLPRIV: 19,
  FUSE_POSIX_ACL: 20,
  FUSE_ABORT_ERROR: 21,
  FUSE_MAX_PAGES: 22,
  FUSE_CACHE_SYMLINKS: 23,
  FUSE_NO_OPENDIR_SUPPORT: 24,
  FUSE_EXPLICIT_INVAL_DATA: 25,
  FUSE_MAP_ALIGNMENT: 26,
  FUSE_SUBMOUNTS: 27,
  FUSE_HANDLE_KILLPRIV_V2: 28,
  FUSE_SETXATTR_EXT: 29,
  FUSE_INIT_EXT: 30,
  FUSE_INIT_RESERVED: 31,
  FUSE_SECURITY_CTX: 32,
  FUSE_HAS_INODE_DAX: 33,
  FUSE_CREATE_SUPP_GROUP: 34,
  FUSE_HAS_EXPIRE_ONLY: 35,
  FUSE_DIRECT_IO_ALLOW_MMAP: 36,
  FUSE_PASSTHROUGH: 37,
  FUSE_NO_EXPORT_SUPPORT: 38,
  FUSE_HAS_RESEND: 39,
  FUSE_ALLOW_IDMAP: 40,
  FUSE_OVER_IO_URING: 41,
  FUSE_REQUEST_TIMEOUT: 42,
} as const

export type InitFlag = keyof typeof initFlagBits
