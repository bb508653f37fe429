// statx(2) and views of its answer that cost nothing until a field is read.

import { constants } from 'node:fs'
import { big64, i32, i64, struct, u16, u32, u64 } from '#schema'
import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, NR, result, syscall6 } from './libc.js'
import { AT_EMPTY_PATH, noName, path1, setPath1 } from './path.js'

export const { S_IFMT, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, S_IFLNK, S_IFSOCK } = constants
export const S_ISUID = 0o4000
export const S_ISGID = 0o2000
export const S_ISVTX = 0o1000

export const STATX_BASIC_STATS = 0x7ff
export const STATX_BTIME = 0x800
export const STATX_MNT_ID = 0x1000
export const AT_NO_AUTOMOUNT = 0x800
export const AT_STATX_FORCE_SYNC = 0x2000
export const AT_STATX_DONT_SYNC = 0x4000

/** linux/stat.h */
export const statxStruct = struct(
  'statx',
  {
    stx_mask: u32,
    stx_blksize: u32,
    stx_attributes: big64,
    stx_nlink: u32,
    stx_uid: u32,
    stx_gid: u32,
    stx_mode: u16,
    __spare0: u16,
    stx_ino: big64,
    stx_size: u64,
    stx_blocks: u64,
    stx_attributes_mask: big64,
    stx_atime_sec: i64,
    stx_atime_nsec: u32,
    __reserved_atime: i32,
    stx_btime_sec: i64,
    stx_btime_nsec: u32,
    __reserved_btime: i32,
    stx_ctime_sec: i64,
    stx_ctime_nsec: u32,
    __reserved_ctime: i32,
    stx_mtime_sec: i64,
    stx_mtime_nsec: u32,
    __reserved_mtime: i32,
    stx_rdev_major: u32,
    stx_rdev_minor: u32,
    stx_dev_major: u32,
    stx_dev_minor: u32,
    stx_mnt_id: big64,
    stx_dio_mem_align: u32,
    stx_dio_offset_align: u32,
    stx_subvol: big64,
    stx_atomic_write_unit_min: u32,
    stx_atomic_write_unit_max: u32,
    stx_atomic_write_segments_max: u32,
    stx_dio_read_offset_align: u32,
    stx_atomic_write_unit_max_opt: u32,
    __spare2: u32,
    __spare3_0: big64,
    __spare3_1: big64,
    __spare3_2: big64,
    __spare3_3: big64,
    __spare3_4: big64,
    __spare3_5: big64,
    __spare3_6: big64,
    __spare3_7: big64,
  },
  256,
)

/**
 * statx(2) of `name` at `dirfd` into the first 256 bytes of `out`. `flags` are AT_*; without
 * AT_SYMLINK_NOFOLLOW a symlink is followed. 0 or -errno.
 */
export function statx(
  dirfd: number,
  name: Uint8Array,
  flags: number,
  mask: number,
  out: Uint8Array,
): number {
  const e = injected('statx') || setPath1(name)
  if (e) return e
  if (out.length < statxStruct.size) return -errno.EFAULT
  return result(syscall6(NR.statx, dirfd, path1, flags, mask, addressOf(out)))
}

/** statx(2) of an open descriptor, O_PATH included: the basic fields and btime. 0 or -errno. */
export function fstat(fd: number, out: Uint8Array): number {
  return statx(fd, noName, AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, out)
}

const at = statxStruct.offsets
const word = (offset: number) => offset >>> 2

/**
 * A kept answer of statx: pass `buffer` as its `out`, then read the fields. Each is computed from
 * the bytes when it is read. Times are seconds (negative before 1970) and nanoseconds.
 */
export class Stat {
  readonly buffer: Buffer = Buffer.alloc(statxStruct.size)
  readonly #words = new Uint32Array(this.buffer.buffer, this.buffer.byteOffset, 64)

  #u32(offset: number): number {
    return this.#words[word(offset)] as number
  }
  #u64(offset: number): number {
    return this.#u32(offset) + this.#u32(offset + 4) * 0x100000000
  }
  #i64(offset: number): number {
    return this.#u32(offset) + (this.#u32(offset + 4) | 0) * 0x100000000
  }

  get mask(): number {
    return this.#u32(at.stx_mask)
  }
  /** Type and permissions. */
  get mode(): number {
    return this.#u32(at.stx_mode) & 0xffff
  }
  get nlink(): number {
    return this.#u32(at.stx_nlink)
  }
  get uid(): number {
    return this.#u32(at.stx_uid)
  }
  get gid(): number {
    return this.#u32(at.stx_gid)
  }
  get size(): number {
    return this.#u64(at.stx_size)
  }
  /** Units of 512 bytes. */
  get blocks(): number {
    return this.#u64(at.stx_blocks)
  }
  get blksize(): number {
    return this.#u32(at.stx_blksize)
  }
  /** For display. Exact to 2^53 only: identity takes both halves. */
  get ino(): number {
    return this.#u64(at.stx_ino)
  }
  get inoLow(): number {
    return this.#u32(at.stx_ino)
  }
  get inoHigh(): number {
    return this.#u32(at.stx_ino + 4)
  }
  get devMajor(): number {
    return this.#u32(at.stx_dev_major)
  }
  get devMinor(): number {
    return this.#u32(at.stx_dev_minor)
  }
  /** The device that a device node stands for, as mknodat takes it. */
  get rdev(): number {
    return makedev(this.#u32(at.stx_rdev_major), this.#u32(at.stx_rdev_minor))
  }
  get atimeSec(): number {
    return this.#i64(at.stx_atime_sec)
  }
  get atimeNsec(): number {
    return this.#u32(at.stx_atime_nsec)
  }
  get mtimeSec(): number {
    return this.#i64(at.stx_mtime_sec)
  }
  get mtimeNsec(): number {
    return this.#u32(at.stx_mtime_nsec)
  }
  get ctimeSec(): number {
    return this.#i64(at.stx_ctime_sec)
  }
  get ctimeNsec(): number {
    return this.#u32(at.stx_ctime_nsec)
  }
  /** The type alone: S_IFREG and so on. */
  get type(): number {
    return this.mode & S_IFMT
  }
  /** Whether a mount begins here (STATX_ATTR_MOUNT_ROOT), a bound file's too. */
  get isMountRoot(): boolean {
    return (this.#u32(at.stx_attributes) & 0x2000) !== 0
  }
  /** Whether both are one inode of one device. */
  isSame(other: Stat): boolean {
    return (
      this.inoLow === other.inoLow &&
      this.inoHigh === other.inoHigh &&
      this.devMinor === other.devMinor &&
      this.devMajor === other.devMajor
    )
  }
}

/**
 * A device number in the kernel's 32-bit form (linux/kdev_t.h, new_encode_dev), as FUSE uses it.
 */
export function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0
}
export const majorOf = (dev: number): number => (dev >>> 8) & 0xfff
export const minorOf = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00)
