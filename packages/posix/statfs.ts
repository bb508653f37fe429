// fstatfs(2): room on the file system.

import { i32, i64, struct, u64 } from '#schema'
import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, result } from './libc.js'

/** asm-generic/statfs.h, 64 bits. */
export const statfsStruct = struct(
  'statfs',
  {
    f_type: i64,
    f_bsize: i64,
    f_blocks: u64,
    f_bfree: u64,
    f_bavail: u64,
    f_files: u64,
    f_ffree: u64,
    f_fsid_0: i32,
    f_fsid_1: i32,
    f_namelen: i64,
    f_frsize: i64,
    f_flags: i64,
    f_spare_0: i64,
    f_spare_1: i64,
    f_spare_2: i64,
    f_spare_3: i64,
  },
  120,
)

const nativeFstatfs = native('fstatfs', 'int', ['int', 'int64'])

/** fstatfs(2) into the first 120 bytes of `out`. Works on O_PATH descriptors. 0 or -errno. */
export function fstatfs(fd: number, out: Uint8Array): number {
  const e = injected('fstatfs')
  if (e) return e
  if (out.length < statfsStruct.size) return -errno.EFAULT
  return result(nativeFstatfs(fd, addressOf(out)))
}
