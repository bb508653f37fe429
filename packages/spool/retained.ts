// The messages that a reader needs first wherever it begins: a hello of the epoch. Where the segment
// that held it was trimmed, a small file before all segments has it, so that `cat *.tfs` is a stream.

import {
  check,
  close,
  fsync,
  O_CREAT,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  renameat2,
  unlinkat,
  errno,
  write,
} from '#posix'
import { epochOf, messageTable, typeOf } from '#wire'
import { SegmentScan } from './scan-segment.js'
import { retainedName } from './segment-name.js'
import { openSegment, type Segment } from './spool-directory.js'

/** The hello of `epoch`, in a Buffer of its own; undefined where the spool does not have it. */
export function findHello(
  directory: number,
  segments: readonly Segment[],
  epoch: number,
): Buffer | undefined {
  const first = segments.find((segment) => segment.epoch === epoch && segment.seq === 1)
  return helloIn(directory, first?.name ?? retainedName, epoch)
}

function helloIn(directory: number, name: string, epoch: number): Buffer | undefined {
  const fd = openSegment(directory, name, O_RDONLY)
  if (fd === undefined) return undefined
  try {
    const message = new SegmentScan(fd).next()
    const isHello = message && typeOf(message) === messageTable.hello.type
    return isHello && epochOf(message) === epoch ? Buffer.from(message) : undefined
  } finally {
    close(fd)
  }
}

/** Makes the file hold `hello`, durably, or be gone where there is none. Throws SystemError. */
export function keepHello(directory: number, hello: Buffer | undefined): void {
  const name = Buffer.from(retainedName)
  if (!hello) {
    const gone = unlinkat(directory, name)
    if (gone !== -errno.ENOENT) check(gone, 'unlink', retainedName)
    return
  }
  const temporary = `${retainedName}.new`
  const fd = openSegment(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC)
  if (fd === undefined) throw new Error(`${temporary}: cannot be made`)
  try {
    const done = check(write(fd, hello, 0, hello.length), 'write', temporary)
    if (done < hello.length) throw new Error(`${temporary}: no room`)
    check(fsync(fd), 'fsync', temporary)
  } finally {
    close(fd)
  }
  check(renameat2(directory, Buffer.from(temporary), directory, name, 0), 'rename', temporary)
  check(fsync(directory), 'fsync', 'the spool')
}
