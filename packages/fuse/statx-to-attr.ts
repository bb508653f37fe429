// Copies the kernel's `struct statx` (statx(2), linux/stat.h) into its `struct fuse_attr`, word by
// word: all 64 bits of inode numbers survive, and no object is made.

/** Writes `n`, below 2^53, as a 64-bit number at word `w`. */
export function putU64(words: Uint32Array, w: number, n: number): void {
  words[w] = n
  words[w + 1] = n / 4294967296
}

const u32 = (b: Buffer, o: number) =>
  b[o]! | (b[o + 1]! << 8) | (b[o + 2]! << 16) | (b[o + 3]! << 24)

/** Offsets in `struct statx`. */
export const stx = {
  blksize: 4,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  ino: 32,
  size: 40,
  blocks: 48,
  atime: 64,
  ctime: 96,
  mtime: 112,
  rdevMajor: 128,
  rdevMinor: 132,
  devMajor: 136,
  devMinor: 140,
} as const

/** A device's number. */
export interface Device {
  readonly major: number
  readonly minor: number
}

/**
 * What the upper word of inode numbers of this struct's device is XORed with: 0 at `home`. Callers
 * see one device, so that equal numbers mean one file; other devices use the same numbers.
 */
export function inodeTag(statx: Buffer, home: Device): number {
  const major = u32(statx, stx.devMajor)
  const minor = u32(statx, stx.devMinor)
  if (minor === home.minor && major === home.major) return 0
  // The upper 16 bits, which hardly any file system uses; never 0.
  return (Math.imul((major << 20) ^ minor, 0x9e3779b1) | 0x10000) & 0xffff0000
}

/** Writes the 22 words of fuse_attr from word `w` on, with an `inodeTag`. */
export function copyStatxToAttr(words: Uint32Array, w: number, statx: Buffer, tag: number): void {
  words[w] = u32(statx, stx.ino)
  words[w + 1] = u32(statx, stx.ino + 4) ^ tag
  words[w + 2] = u32(statx, stx.size)
  words[w + 3] = u32(statx, stx.size + 4)
  words[w + 4] = u32(statx, stx.blocks)
  words[w + 5] = u32(statx, stx.blocks + 4)
  words[w + 6] = u32(statx, stx.atime)
  words[w + 7] = u32(statx, stx.atime + 4)
  words[w + 8] = u32(statx, stx.mtime)
  words[w + 9] = u32(statx, stx.mtime + 4)
  words[w + 10] = u32(statx, stx.ctime)
  words[w + 11] = u32(statx, stx.ctime + 4)
  words[w + 12] = u32(statx, stx.atime + 8)
  words[w + 13] = u32(statx, stx.mtime + 8)
  words[w + 14] = u32(statx, stx.ctime + 8)
  words[w + 15] = statx[stx.mode]! | (statx[stx.mode + 1]! << 8)
  words[w + 16] = u32(statx, stx.nlink)
  words[w + 17] = u32(statx, stx.uid)
  words[w + 18] = u32(statx, stx.gid)
  words[w + 19] = encodeDevice(u32(statx, stx.rdevMajor), u32(statx, stx.rdevMinor))
  words[w + 20] = u32(statx, stx.blksize)
  words[w + 21] = 0
}

/** The kernel's new_encode_dev (linux/kdev_t.h): rdev as fuse_attr and fuse_mknod_in have it. */
export const encodeDevice = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0

/** The inverse of `encodeDevice` (new_decode_dev). */
export const decodeDevice = (rdev: number): { major: number; minor: number } => ({
  major: (rdev & 0xfff00) >>> 8,
  minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
})
