// The only door to native code: C functions by koffi. All arguments are integers; memory is passed
// as its address, so that a call converts nothing and allocates nothing.

import koffi from 'koffi'
import { errno } from './errno.js'

// The process itself: glibc or musl, whichever Node is linked to.
const libc = koffi.load(null)

export type Native = (...args: (number | bigint)[]) => number

/** A C function of integers and addresses (`int64`), by its name in libc. */
export function native(name: string, result: 'int' | 'int64', args: readonly string[]): Native {
  return libc.func(name, result, [...args]) as Native
}

const words = (count: number) => Array.from({ length: count }, () => 'int64')

/** syscall(2) by number of arguments, the call's number included. */
export const syscall2 = native('syscall', 'int64', words(2))
export const syscall3 = native('syscall', 'int64', words(3))
export const syscall4 = native('syscall', 'int64', words(4))
export const syscall5 = native('syscall', 'int64', words(5))
export const syscall6 = native('syscall', 'int64', words(6))

// For what one of the C libraries does not wrap, or wraps with an emulation (asm/unistd_64.h,
// asm-generic/unistd.h).
const numbers = {
  x64: {
    getdents64: 217,
    mknodat: 259,
    setfsgid: 123,
    setfsuid: 122,
    utimensat: 280,
    renameat2: 316,
    copy_file_range: 326,
    statx: 332,
    openat2: 437,
    sched_setattr: 314,
    fchmodat2: 452,
  },
  arm64: {
    getdents64: 61,
    mknodat: 33,
    setfsgid: 152,
    setfsuid: 151,
    utimensat: 88,
    renameat2: 276,
    copy_file_range: 285,
    statx: 291,
    openat2: 437,
    sched_setattr: 274,
    fchmodat2: 452,
  },
} as const

/** System call numbers of this machine. */
export const NR = machineNumbers()

function machineNumbers(): { readonly [K in keyof typeof numbers.x64]: number } {
  if (process.arch === 'x64' || process.arch === 'arm64') return numbers[process.arch]
  throw new Error(`TFS knows the system calls of x64 and arm64, not of ${process.arch}`)
}

/** A C function's result as this package's: itself, or minus errno, which is read at once. */
export function result(value: number): number {
  if (value >= 0) return typeof value === 'number' ? value : -errno.EOVERFLOW
  return -koffi.errno() || -errno.EIO
}

// One entry in front, since calls come in rows on one buffer. It also keeps the memory alive during
// the call, which sees only a number.
let lastStore: ArrayBufferLike | undefined
let lastAddress = 0
const addresses = new WeakMap<ArrayBufferLike, number>()

/** The address of the first byte of `buffer`. The memory of an ArrayBuffer never moves. */
export function addressOf(buffer: Uint8Array): number {
  const store = buffer.buffer
  if (store !== lastStore) {
    let address = addresses.get(store)
    if (address === undefined) {
      address = Number(koffi.address(new Uint8Array(store)))
      addresses.set(store, address)
    }
    lastAddress = address
    lastStore = store
  }
  return lastAddress + buffer.byteOffset
}

const strerrorNative = libc.func('strerror', 'str', ['int']) as (n: number) => string

/** The C library's message for a positive error number. */
export const strerror = (n: number): string => strerrorNative(n).toLowerCase()
