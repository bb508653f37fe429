// Who keeps a mount busy, found in /proc: by the names of links there, never by touching the mount.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { escapeName } from '#posix'
import { readMounts } from './mountinfo.js'

export interface Holder {
  pid: number
  command: string
  /** How it holds the mount: `cwd`, `root`, `exe`, `fd 7`, `mmap`. */
  by: string
}

// A machine may have very many processes and descriptors; a hint need not be complete.
const processesMax = 20_000
const descriptorsMax = 10_000
const namedMax = 5

/** Processes, other than this one, that hold something at or below `mountpoint` (absolute). */
export function findHolders(mountpoint: string): Holder[] {
  const inside = (path: string | undefined) =>
    path !== undefined && (path === mountpoint || path.startsWith(`${mountpoint}/`))
  const holders: Holder[] = []
  for (const pid of names('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .slice(0, processesMax)) {
    if (Number(pid) === process.pid) continue
    const by = heldBy(`/proc/${pid}`, inside)
    if (by === undefined) continue
    holders.push({ pid: Number(pid), command: text(`/proc/${pid}/comm`).trim(), by })
  }
  return holders
}

/** The same as text for a message, with mounts inside it. */
export function describeHolders(mountpoint: string): string {
  const found = findHolders(mountpoint).map(
    ({ pid, command, by }) => `${escapeName(command)} (pid ${pid}, ${by})`,
  )
  const below = Buffer.from(`${mountpoint}/`)
  for (const { mountPoint } of readMounts()) {
    if (mountPoint.subarray(0, below.length).equals(below)) {
      found.push(`a mount on ${escapeName(mountPoint)}`)
    }
  }
  if (found.length === 0) return 'by something that /proc does not show'
  const more = found.length > namedMax ? ` and ${found.length - namedMax} more` : ''
  return `by ${found.slice(0, namedMax).join(', ')}${more}`
}

function heldBy(proc: string, inside: (path: string | undefined) => boolean): string | undefined {
  for (const name of ['cwd', 'root', 'exe']) if (inside(link(`${proc}/${name}`))) return name
  for (const fd of names(`${proc}/fd`).slice(0, descriptorsMax)) {
    if (inside(link(`${proc}/fd/${fd}`))) return `fd ${fd}`
  }
  // Address, permissions, offset, device and inode stand before the path.
  const mapped = text(`${proc}/maps`)
    .split('\n')
    .some((line) => inside(/^(?:\S+\s+){5}(\/.*)$/u.exec(line)?.[1]))
  return mapped ? 'mmap' : undefined
}

// Processes end while they are looked at, and others' may not be looked at.
function quietly<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch {
    return otherwise
  }
}

const names = (path: string) => quietly(() => readdirSync(path), [])
const link = (path: string) => quietly<string | undefined>(() => readlinkSync(path), undefined)
const text = (path: string) => quietly(() => readFileSync(path, 'utf8'), '')
