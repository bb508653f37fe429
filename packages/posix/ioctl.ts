// ioctl(2).

import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, result } from './libc.js'

const nativeIoctl = native('ioctl', 'int', ['int', 'uint64', 'int64'])

/**
 * ioctl(2) with a number or memory. Buffers must have the size that the request implies (its bits
 * 16 to 29), else -EFAULT: the kernel would write past the end. The call's result, or -errno.
 */
export function ioctl(fd: number, request: number, argument: number | Uint8Array): number {
  const e = injected('ioctl')
  if (e) return e
  if (typeof argument === 'number') return result(nativeIoctl(fd, request, argument))
  if (argument.length < ((request >>> 16) & 0x3fff)) return -errno.EFAULT
  return result(nativeIoctl(fd, request, addressOf(argument)))
}
