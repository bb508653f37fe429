// A tree as lines that tell it from any other: what lstat, getxattr and reading say of each object.

import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { fgetxattr, flistxattr, O_NOFOLLOW, O_PATH, openat, AT_FDCWD, close } from '#posix'

const slash = Buffer.from('/')

export interface ListingOptions {
  /** Names that are left out, at the top only. */
  readonly without?: readonly string[]
  /** Also the root's own attributes. */
  readonly root?: boolean
}

/**
 * One line each, sorted: path, type and mode, owner, size, mtime, device, link, xattrs, content.
 */
export function listTree(directory: string, options: ListingOptions = {}): string[] {
  const { without = ['.tfs'], root = true } = options
  const links = new Map<string, string>()
  const lines: string[] = root ? [describe(Buffer.from(directory), '.', links)] : []
  const walk = (path: Buffer, shown: string): void => {
    const names = readdirSync(path, { encoding: 'buffer' }).toSorted((a, b) => a.compare(b))
    for (const name of names) {
      if (shown === '' && without.includes(name.toString())) continue
      const full = Buffer.concat([path, slash, name])
      const nameShown = shown + name.toString('latin1')
      lines.push(describe(full, nameShown, links))
      if (lstatSync(full).isDirectory()) walk(full, `${nameShown}/`)
    }
  }
  walk(Buffer.from(directory), '')
  return lines
}

function describe(path: Buffer, shown: string, links: Map<string, string>): string {
  const stat = lstatSync(path, { bigint: true })
  const words = [
    JSON.stringify(shown),
    stat.mode.toString(8),
    `${stat.uid}:${stat.gid}`,
    `mtime=${stat.mtimeNs}`,
  ]
  if (stat.isCharacterDevice() || stat.isBlockDevice()) words.push(`rdev=${stat.rdev}`)
  if (stat.isSymbolicLink())
    words.push(`-> ${readlinkSync(path, { encoding: 'buffer' }).toString('latin1')}`)
  if (stat.isFile()) words.push(`size=${stat.size}`, `sha=${hashOf(path)}`)
  if (!stat.isDirectory() && stat.nlink > 1n) {
    const key = `${stat.dev}:${stat.ino}`
    words.push(`links=${stat.nlink} as ${links.get(key) ?? 'the first'}`)
    if (!links.has(key)) links.set(key, shown)
  }
  return [...words, ...xattrsOf(path)].join(' ')
}

const block = Buffer.alloc(1 << 16)

function hashOf(path: Buffer): string {
  const fd = openSync(path, 'r')
  const hash = createHash('sha1')
  for (let n = 1; n > 0;) {
    n = readSync(fd, block)
    hash.update(block.subarray(0, n))
  }
  closeSync(fd)
  return hash.digest('hex')
}

const names = Buffer.alloc(1 << 16)

function xattrsOf(path: Buffer): string[] {
  const fd = openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW)
  const length = flistxattr(fd, names)
  const list = names
    .toString('latin1', 0, Math.max(0, length))
    .split('\0')
    .filter((name) => name !== '' && name !== 'security.selinux')
  const words = list.toSorted().map((name) => {
    const size = fgetxattr(fd, Buffer.from(name, 'latin1'), block)
    return `${name}=${block.toString('hex', 0, Math.max(0, size))}`
  })
  close(fd)
  return words
}
