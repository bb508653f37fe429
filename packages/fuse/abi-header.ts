// What stands before every request and reply, and the INIT handshake. Names, fields and sizes are
// those of linux/fuse.h.

import { i32, struct, u16, u32, u64 } from '#schema'

export const FUSE_KERNEL_VERSION = 7
export const FUSE_ROOT_ID = 1
export const FUSE_MIN_READ_BUFFER = 8192

export const fuse_in_header = struct(
  'fuse_in_header',
  {
    len: u32,
    opcode: u32,
    unique: u64,
    nodeid: u64,
    uid: u32,
    gid: u32,
    pid: u32,
    total_extlen: u16, // in units of 8 bytes, at the end of the request (7.38)
    padding: u16,
  },
  40,
)

export const fuse_out_header = struct('fuse_out_header', { len: u32, error: i32, unique: u64 }, 16)

export const fuse_init_in = struct(
  'fuse_init_in',
  {
    major: u32,
    minor: u32,
    max_readahead: u32,
    flags: u32,
    flags2: u32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
    unused3: u32,
    unused4: u32,
    unused5: u32,
    unused6: u32,
    unused7: u32,
    unused8: u32,
    unused9: u32,
    unused10: u32,
  },
  64,
)

/** Before 7.36 the request ends after `flags`. */
export const FUSE_COMPAT_INIT_IN_SIZE = 16

export const fuse_init_out = struct(
  'fuse_init_out',
  {
    major: u32,
    minor: u32,
    max_readahead: u32,
    flags: u32,
    max_background: u16,
    congestion_threshold: u16,
    max_write: u32,
    time_gran: u32,
    max_pages: u16,
    map_alignment: u16,
    flags2: u32,
    max_stack_depth: u32,
    request_timeout: u16,
    unused0: u16,
    unused1: u32,
    unused2: u32,
    unused3: u32,
    unused4: u32,
    unused5: u32,
  },
  64,
)
