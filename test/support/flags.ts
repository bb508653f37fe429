// The kernel's flag words by name, so that a case can say 'RDWR|CREAT' and its report can too.
// Values: <fcntl.h>, <linux/fs.h>, <linux/falloc.h>, <sys/mman.h> ...; those that differ between
// architectures are Node's.

import assert from 'node:assert/strict'
import { constants } from 'node:fs'

const { O_DIRECTORY, O_NOFOLLOW, O_DIRECT, O_NOATIME } = constants

export const openFlags = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  ACCMODE: 3,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  SYNC: 0o4010000,
  ASYNC: 0o20000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20000000 | O_DIRECTORY,
  DIRECT: O_DIRECT,
  DIRECTORY: O_DIRECTORY,
  NOFOLLOW: O_NOFOLLOW,
  NOATIME: O_NOATIME,
}

export const atFlags = {
  SYMLINK_NOFOLLOW: 0x100,
  EACCESS: 0x200,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  EMPTY_PATH: 0x1000,
}

export const renameFlags = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 }

export const fallocateFlags = {
  KEEP_SIZE: 1,
  PUNCH_HOLE: 2,
  COLLAPSE_RANGE: 8,
  ZERO_RANGE: 16,
  INSERT_RANGE: 32,
  UNSHARE_RANGE: 64,
}

export const mapFlags = {
  SHARED: 1,
  PRIVATE: 2,
  SHARED_VALIDATE: 3,
  ANONYMOUS: 0x20,
  SYNC: 0x80000,
}

export const protectionFlags = { NONE: 0, READ: 1, WRITE: 2, EXEC: 4 }

export const resolveFlags = {
  NO_XDEV: 1,
  NO_MAGICLINKS: 2,
  NO_SYMLINKS: 4,
  BENEATH: 8,
  IN_ROOT: 16,
}

export const accessFlags = { F: 0, X: 1, W: 2, R: 4 }

export const lockFlags = { SH: 1, EX: 2, NB: 4, UN: 8 }

export const inotifyFlags = {
  ACCESS: 1,
  MODIFY: 2,
  ATTRIB: 4,
  CLOSE_WRITE: 8,
  CLOSE_NOWRITE: 16,
  OPEN: 32,
  MOVED_FROM: 64,
  MOVED_TO: 128,
  CREATE: 256,
  DELETE: 512,
  DELETE_SELF: 1024,
  MOVE_SELF: 2048,
  IGNORED: 0x8000,
  ISDIR: 0x40000000,
}

/** 'RDWR|CREAT' in the words of `table`; the empty string is 0. */
export function flagWord<T extends Record<string, number>>(table: T, names: string): number {
  let word = 0
  for (const name of names === '' ? [] : names.split('|')) {
    const value = table[name]
    assert(value !== undefined, `no flag is called ${name}`)
    word |= value
  }
  return word
}

/** The names of the bits set in `word`, in the table's order. */
export function flagNames(table: Record<string, number>, word: number): string {
  const names = Object.entries(table).filter(([, bit]) => bit !== 0 && (word & bit) === bit)
  return names.map(([name]) => name).join('|')
}
