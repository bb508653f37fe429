// A program: `write-pages MOUNTPOINT`, with paths below it on standard input, each ended by a NUL.
// It returns when the mount has been given what the kernel still held of these files.

import { readFileSync } from 'node:fs'
import {
  AT_FDCWD,
  check,
  close,
  errno,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  openat,
  writePages,
} from '#posix'
import { moved } from './mount-sync.js'
import { openBelow } from './open-below.js'

process.exitCode = run(process.argv[2] ?? '')

function run(mountpoint: string): number {
  const root = openat(AT_FDCWD, Buffer.from(mountpoint), O_PATH | O_DIRECTORY)
  check(root, 'open', mountpoint)
  const input = readFileSync(0)
  let result = 0
  for (let at = 0; at < input.length;) {
    const end = input.indexOf(0, at)
    const path = input.subarray(at, end)
    const fd = openBelow(root, path, O_RDONLY | O_NONBLOCK)
    if (fd === -errno.ENOENT || fd === -errno.ENOTDIR || fd === -errno.ELOOP) result = moved
    else {
      check(fd, 'open', path.toString())
      check(writePages(fd), 'sync_file_range', path.toString())
      close(fd)
    }
    at = end + 1
  }
  return result
}
