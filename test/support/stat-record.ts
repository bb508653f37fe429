// struct statx of <linux/stat.h>, the same on every architecture.

import { constants } from 'node:fs'

export type Time = { sec: bigint; nsec: number }

export type StatRecord = {
  mask: number
  attributes: bigint
  nlink: number
  uid: number
  gid: number
  type: string
  /** The permission bits with set-id and sticky ones. */
  mode: number
  ino: bigint
  size: number
  blocks: number
  atime: Time
  btime: Time
  ctime: Time
  mtime: Time
  rdev: string
}

export const statxSize = 256
export const STATX_BTIME = 0x800

const types = new Map([
  [constants.S_IFREG, 'file'],
  [constants.S_IFDIR, 'dir'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFSOCK, 'socket'],
  [constants.S_IFCHR, 'char'],
  [constants.S_IFBLK, 'block'],
])

export function statRecord(raw: Buffer): StatRecord {
  const mode = raw.readUInt16LE(28)
  return {
    mask: raw.readUInt32LE(0),
    attributes: raw.readBigUInt64LE(8),
    nlink: raw.readUInt32LE(16),
    uid: raw.readUInt32LE(20),
    gid: raw.readUInt32LE(24),
    type: types.get(mode & constants.S_IFMT) ?? `type ${mode >> 12}`,
    mode: mode & 0o7777,
    ino: raw.readBigUInt64LE(32),
    size: Number(raw.readBigUInt64LE(40)),
    blocks: Number(raw.readBigUInt64LE(48)),
    atime: time(raw, 64),
    btime: time(raw, 80),
    ctime: time(raw, 96),
    mtime: time(raw, 112),
    rdev: `${raw.readUInt32LE(128)}:${raw.readUInt32LE(132)}`,
  }
}

function time(raw: Buffer, offset: number): Time {
  return { sec: raw.readBigInt64LE(offset), nsec: raw.readUInt32LE(offset + 8) }
}

/** What two trees must agree on: neither inode numbers nor the times of now. */
export function comparable(stat: StatRecord): string {
  const { type, mode, nlink, uid, gid, size, rdev } = stat
  const most = `${type} ${mode.toString(8).padStart(4, '0')} ${uid}:${gid} nlink ${nlink}`
  // How large a directory is, is the file system's affair.
  if (type === 'dir') return most
  return `${most} size ${size}${type === 'char' || type === 'block' ? ` rdev ${rdev}` : ''}`
}

export function timeText({ sec, nsec }: Time): string {
  return `${sec}.${String(nsec).padStart(9, '0')}`
}
