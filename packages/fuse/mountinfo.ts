// /proc/self/mountinfo (proc_pid_mountinfo(5)): what is mounted where. Paths are bytes.

import { readFileSync } from 'node:fs'

export interface MountEntry {
  id: number
  parentId: number
  /** Of the file system's device; a FUSE connection is /sys/fs/fuse/connections/MINOR. */
  major: number
  minor: number
  mountPoint: Buffer
  /** Type with subtype, `fuse.tfs`. */
  fsType: string
  source: Buffer
}

/** The mounts of this process, in the order of mounting: of several at a place the last is seen. */
export function readMounts(): MountEntry[] {
  return parseMountinfo(readFileSync('/proc/self/mountinfo'))
}

/** Parses the file's bytes; lines that are not like the manual's are left out. */
export function parseMountinfo(text: Buffer): MountEntry[] {
  // latin1 keeps every byte one character.
  const lines = text.toString('latin1').split('\n')
  return lines.map(parseLine).filter((entry) => entry !== undefined)
}

// 36 35 98:0 /root /mount\040point rw,noatime master:1 - ext3 /dev/root rw,errors=continue
function parseLine(line: string): MountEntry | undefined {
  const fields = line.split(' ')
  const dash = fields.indexOf('-', 6)
  const [id, parentId, device = '', , mountPoint] = fields
  const fsType = fields[dash + 1]
  const source = fields[dash + 2]
  const [major, minor] = device.split(':').map(Number)
  if (dash < 0 || mountPoint === undefined || fsType === undefined) return undefined
  if (major === undefined || minor === undefined || source === undefined) return undefined
  return {
    id: Number(id),
    parentId: Number(parentId),
    major,
    minor,
    mountPoint: unescapeOctal(mountPoint),
    fsType: unescapeOctal(fsType).toString(),
    source: unescapeOctal(source),
  }
}

/** Space, tab, newline, backslash and '#' come as a backslash and three octal digits. */
const unescapeOctal = (text: string): Buffer =>
  Buffer.from(
    text.replace(/\\([0-7]{3})/gu, (_, digits: string) => String.fromCharCode(parseInt(digits, 8))),
    'latin1',
  )
