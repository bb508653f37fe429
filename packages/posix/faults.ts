// A test instrument: makes the n-th call of a wrapper, by name, fail. Without faults it costs one
// test of a variable a call. Programs started by a test take them from the environment, as in
// TFS_FAULTS=renameat2:3:ENOSPC,pwrite:10:EIO (call:nth:error[:times]). Counts are kept for each
// thread apart.

import { errno as errnos, errnoMax } from './errno.js'

/** Wrappers that can be made to fail, by the name of their system call. */
// prettier-ignore
const calls = [
  'openat', 'openat2', 'close', 'dup', 'dup3', 'fcntl', 'reopen',
  'statx', 'fstatfs', 'getdents64', 'lseek',
  'mkdirat', 'mknodat', 'symlinkat', 'linkat', 'unlinkat', 'renameat2', 'readlinkat',
  'fchownat', 'fchown', 'fchmodat', 'fchmodat2', 'fchmod', 'utimensat', 'futimens',
  'read', 'write', 'pread', 'pwrite', 'ftruncate', 'fallocate', 'copy_file_range',
  'fsync', 'fdatasync', 'sync_file_range', 'syncfs', 'flock', 'poll', 'eventfd', 'ioctl', 'mount',
  'umount2',
  'setxattr', 'getxattr', 'listxattr', 'removexattr',
  'socket', 'sendto', 'socketpair', 'sendmsg', 'recvmsg', 'send', 'pipe2', 'getsockopt',
  'setfsuid', 'setfsgid', 'prlimit', 'sched_setattr',
] as const

export type FaultCall = (typeof calls)[number]

export interface Fault {
  call: FaultCall
  /** Which call from now on fails first, 1 being the next. */
  nth: number
  /** A positive error number. */
  errno: number
  /** How many calls in a row fail; 1 if left out. */
  times?: number
}

let armed = false
const faults = new Map<FaultCall, { seen: number; fault: Required<Fault> }[]>()

/** 0, or the negative error with which this call of `call` is to fail. */
export const injected = (call: FaultCall): number => (armed ? strike(call) : 0)

function strike(call: FaultCall): number {
  let answer = 0
  for (const entry of faults.get(call) ?? []) {
    const past = ++entry.seen - entry.fault.nth
    if (past >= 0 && past < entry.fault.times) answer = -entry.fault.errno
  }
  return answer
}

/** Arms one fault in this thread. A RangeError for a fault that could never strike. */
export function injectFault({ call, nth, errno, times = 1 }: Fault): void {
  const positive = (n: number) => Number.isSafeInteger(n) && n > 0
  if (!calls.includes(call)) throw new RangeError(`no wrapper is called '${String(call)}'`)
  if (!positive(nth) || !positive(times))
    throw new RangeError(`${call}: nth and times count from 1`)
  if (!positive(errno) || errno > errnoMax) throw new RangeError(`${call}: no such errno: ${errno}`)
  faults.set(call, [...(faults.get(call) ?? []), { seen: 0, fault: { call, nth, errno, times } }])
  armed = true
}

/** Disarms all faults of this thread, those of the environment among them. */
export function clearFaults(): void {
  faults.clear()
  armed = false
}

for (const text of (process.env['TFS_FAULTS'] ?? '').split(',').filter(Boolean)) {
  const [call, nth, name, times, ...more] = text.split(':')
  const errno = errnos[name as keyof typeof errnos]
  if (more.length > 0 || errno === undefined) {
    throw new RangeError(`TFS_FAULTS: '${text}' is not call:nth:error[:times]`)
  }
  injectFault({ call: call as FaultCall, nth: Number(nth), errno, times: Number(times ?? 1) })
}
