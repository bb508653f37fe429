// What a process has started, as /proc has it.

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

/** Children, their children and so on, each before its own. */
export function descendants(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean)
  return children.map(Number).flatMap((child) => [child, ...descendants(child)])
}

/** The descendant of `pid` that runs the compiled program `name`. */
export const descendant = (pid: number | undefined, name: string): number | undefined =>
  pid === undefined ? undefined : descendants(pid).find((child) => programOf(child) === name)

/** The name of the compiled program that a process runs, '' where it runs none. */
export function programOf(pid: number): string {
  const [, script = ''] = read(`/proc/${pid}/cmdline`).split('\0')
  return script.endsWith('.js') ? basename(script, '.js') : ''
}

/** KiB of memory, 0 where the process is gone. */
export const residentKiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // It has just ended.
  }
}
