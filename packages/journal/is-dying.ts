// Whether a thread that waits in the kernel has been told to end. A FUSE server hears that a caller
// got a signal, not which; and of a fatal one the caller waits on, unkillable, for its answer.

import { readFileSync } from 'node:fs'

// signal(7): those that do nothing or stop the process where it has not said otherwise.
const [SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH] = [
  17, 18, 19, 20, 21, 22, 23, 28,
]
const harmless = [SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH].reduce(
  (bits, signal) => bits | (1n << BigInt(signal! - 1)),
  0n,
)

/** `pid` is a thread's. One that is gone, or not to be seen from here (0), counts as dying. */
export function isDying(pid: number): boolean {
  if (pid === 0) return true
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1')
  } catch {
    return true
  }
  // proc_pid_status(5): SIGKILL is noted for each thread of a process that is to end.
  const mask = (name: string) => {
    const [, hex] = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status) ?? []
    return BigInt(`0x${hex ?? '0'}`)
  }
  const pending = mask('SigPnd') | mask('ShdPnd')
  return (pending & ~(mask('SigBlk') | mask('SigIgn') | mask('SigCgt') | harmless)) !== 0n
}
