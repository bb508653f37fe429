// What processes have used, from /proc: read while they live.

import { readFileSync } from 'node:fs'

export interface Usage {
  /** Seconds of processor time, theirs and the system's for them. */
  readonly cpuSeconds: number
  /** The most memory that one of them had at any time, in MiB (VmHWM). */
  readonly peakMiB: number
}

const ticksPerSecond = 100

/** Of all of them together so far. Those that are gone count for nothing. */
export function usageOf(pids: readonly number[]): Usage {
  const all = pids.map((pid) => ({ cpuSeconds: cpuOf(pid), peakMiB: peakOf(pid) }))
  return {
    cpuSeconds: all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    peakMiB: Math.max(0, ...all.map(({ peakMiB }) => peakMiB)),
  }
}

// Fields 14 and 15 (proc_pid_stat(5)); the second field, a name, may have blanks.
function cpuOf(pid: number): number {
  const fields = read(pid, 'stat').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond
}

const peakOf = (pid: number) =>
  Number(/VmHWM:\s+(\d+) kB/.exec(read(pid, 'status'))?.[1] ?? 0) / 1024

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    return ''
  }
}
