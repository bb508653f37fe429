// The process and its threads: identity, limits, clock.

import { readFileSync } from 'node:fs'
import { errno } from './errno.js'
import { injected } from './faults.js'
import { addressOf, native, NR, result, syscall2 } from './libc.js'
import { isId, putInt64 } from './numbers.js'

const nativeUmask = native('umask', 'int', ['uint32'])
const nativeGeteuid = native('geteuid', 'int64', [])
const nativeGetegid = native('getegid', 'int64', [])

/** Sets the umask of the process, all threads, and gives the one before. */
export const umask = (mask: number): number => nativeUmask(mask)

/** Effective ids; of 32 bits, unsigned. */
export const geteuid = (): number => nativeGeteuid() >>> 0
export const getegid = (): number => nativeGetegid() >>> 0

/** setfsuid(2): the uid by which this thread alone is judged. 0, or -EPERM. */
export const setfsuid = (uid: number): number => injected('setfsuid') || setFsId(NR.setfsuid, uid)

/** setfsgid(2). 0, or -EPERM. */
export const setfsgid = (gid: number): number => injected('setfsgid') || setFsId(NR.setfsgid, gid)

/** The calls say nothing of failure: a second one, with an impossible id, tells what holds. */
function setFsId(call: number, id: number): number {
  if (!isId(id) || id === -1 || id === 0xffffffff) return -errno.EINVAL
  syscall2(call, id)
  return syscall2(call, -1) >>> 0 === id ? 0 : -errno.EPERM
}

const nativeClockGettime = native('clock_gettime', 'int', ['int', 'int64'])
const timespec = new Uint32Array(4)
const timespecAddress = addressOf(new Uint8Array(timespec.buffer))
const CLOCK_REALTIME = 0

/** The wall clock: seconds since 1970 and nanoseconds into `out`, which is given back. */
export function realTime<T extends { sec: number; nsec: number }>(out: T): T {
  nativeClockGettime(CLOCK_REALTIME, timespecAddress)
  out.sec = (timespec[0] as number) + (timespec[1] as number) * 0x100000000
  out.nsec = timespec[2] as number
  return out
}

const nativePrlimit = native('prlimit', 'int', ['int', 'int', 'int64', 'int64'])
const RLIMIT_NOFILE = 7
const limits = new Uint32Array(4)
const limitsAddress = addressOf(new Uint8Array(limits.buffer))
const limitAt = (at: number) => (limits[at] as number) + (limits[at + 1] as number) * 0x100000000

/** How many descriptors the process may have now (soft limit), or -errno. */
export function fileLimit(): number {
  const e = injected('prlimit') || result(nativePrlimit(0, RLIMIT_NOFILE, 0, limitsAddress))
  return e || limitAt(0)
}

/**
 * Raises the limit of descriptors to `wanted`, or as near as allowed: beyond the hard limit it
 * takes CAP_SYS_RESOURCE. Never lowers it. The limit that then holds, or -errno.
 */
export function raiseFileLimit(wanted: number): number {
  const soft = fileLimit()
  if (soft < 0 || soft >= wanted) return soft
  const hard = limitAt(2)
  if (wanted > hard && setFileLimit(wanted, wanted) === 0) return wanted
  const allowed = Math.min(wanted, hard)
  const e = allowed > soft ? setFileLimit(allowed, hard) : 0
  return e || allowed
}

function setFileLimit(soft: number, hard: number): number {
  putInt64(limits, 0, soft)
  putInt64(limits, 2, hard)
  return injected('prlimit') || result(nativePrlimit(0, RLIMIT_NOFILE, limitsAddress, 0))
}

/** Bits of linux/capability.h. */
const capabilities = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_DAC_READ_SEARCH: 2,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_MKNOD: 27,
  CAP_SETFCAP: 31,
} as const

export type Capability = keyof typeof capabilities

/** Whether this thread has the capability in effect. Throws what reading /proc throws. */
export function hasCapability(name: Capability): boolean {
  const status = readFileSync('/proc/thread-self/status', 'latin1')
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  if (effective === undefined) throw new Error('/proc/thread-self/status: no CapEff')
  return ((BigInt(`0x${effective}`) >> BigInt(capabilities[name])) & 1n) === 1n
}
