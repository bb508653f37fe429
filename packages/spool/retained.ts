// The hello that a reader needs first wherever it begins. Where the segment that held it was
// trimmed, a small file before all segments has it, so that `cat *.tfs` is a stream.

import { check, close, errno, fsync, O_RDONLY } from '#posix'
import { renameat2, systemError, write } from '#posix'
import { epochOf } from '#wire'
import { messageAt } from './scan-segment.js'
import { indexName, retainedName } from './segment-name.js'
import { makeDraft, openFile, type Segment } from './spool-directory.js'
import { removeFile, type Spool } from './spool.js'

/** Makes the file hold the hello of `epoch`, durably. Throws SystemError. */
export function retainHello({ fd: directory }: Spool, hello: Buffer): void {
  const name = Buffer.from(retainedName)
  const temporary = `${retainedName}.new`
  const fd = makeDraft(directory, temporary)
  try {
    const done = check(write(fd, hello, 0, hello.length), 'write', temporary)
    if (done < hello.length) throw systemError(errno.ENOSPC, 'write', temporary)
    check(fsync(fd), 'fsync', temporary)
  } finally {
    close(fd)
  }
  check(renameat2(directory, Buffer.from(temporary), directory, name, 0), 'rename', temporary)
  check(fsync(directory), 'fsync', 'the spool')
}

/** Makes the file be what the oldest segment asks for: gone where that begins its epoch. */
export function fitRetained(spool: Spool, oldest: Segment): void {
  if (oldest.seq === 1) return removeFile(spool.fd, retainedName)
  const hello = spool.hello(oldest.epoch)
  if (hello) retainHello(spool, hello)
}

/** Puts right what a trim has left that was cut short. Throws SystemError. */
export function mendRetained(spool: Spool): void {
  const segments = spool.segments()
  const [oldest] = segments
  if (!oldest) return
  if (oldest.seq === 1) return removeFile(spool.fd, retainedName)
  const hello = readRetained(spool)
  const epoch = hello && epochOf(hello)
  // It was to begin with that epoch.
  const begin = segments.findIndex((segment) => segment.epoch === epoch)
  for (const segment of segments.slice(0, Math.max(0, begin))) removeSegment(spool, segment)
  if (segments[begin]?.seq === 1) removeFile(spool.fd, retainedName)
}

function readRetained({ fd: directory }: Spool): Buffer | undefined {
  const fd = openFile(directory, retainedName, O_RDONLY)
  if (fd === undefined) return undefined
  const message = messageAt(fd, 0)
  close(fd)
  return message
}

/** Removes a segment and its index. Throws SystemError. */
export function removeSegment({ fd }: Spool, { name }: Segment): void {
  removeFile(fd, indexName(name))
  removeFile(fd, name)
}
