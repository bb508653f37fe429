// Which process serves a FUSE mount.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { MountEntry } from './mountinfo.js'

/**
 * The process that has the mount's connection open, where that can be told: the kernel says so in
 * /proc/PID/fdinfo since 6.15 (fuse_connection), of processes that we may look at.
 */
export function mountServer({ minor }: MountEntry): number | undefined {
  for (const pid of readdirSync('/proc'))
    if (/^\d+$/u.test(pid) && servesConnection(pid, minor)) return Number(pid)
  return undefined
}

function servesConnection(pid: string, connection: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== '/dev/fuse') return false
      const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1')
      return /^fuse_connection:\s*(\d+)$/mu.exec(info)?.[1] === String(connection)
    })
  } catch {
    // Gone meanwhile, or somebody else's.
    return false
  }
}
