// Checks of what goes into the kernel as a 64-bit number or as part of a buffer.

import { errno } from './errno.js'

/** A size or an offset: 0 to 2^53 - 1. */
export const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0

/** A uid or gid, -1 (no change) included. */
export const isId = (n: number): boolean => Number.isInteger(n) && n >= -1 && n <= 0xffffffff

/** 0, or -EFAULT where `length` bytes at `offset` do not lie within `buffer`. */
export function within(buffer: Uint8Array, offset: number, length: number): number {
  return isSize(offset) && isSize(length) && offset + length <= buffer.length ? 0 : -errno.EFAULT
}

/** Writes the signed 64-bit `n` at word `at`. A negative or large `n` is exact while it is safe. */
export function putInt64(words: Uint32Array, at: number, n: number): void {
  words[at] = n
  words[at + 1] = Math.floor(n / 0x100000000)
}
