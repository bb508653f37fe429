// Operations on the bytes of regular files. Each takes its row's body; 0, -errno or a refusal.

import { close, copyFileRange, errno, fallocate as posixFallocate, fchmod, fstat } from '#posix'
import { ftruncate, O_RDONLY, pread, pwrite, S_ISGID, S_ISUID } from '#posix'
import { fallocateMode, type Body } from '#wire'
import { openRegular, type OpenFile } from './files.js'
import type { Tree } from './tree.js'

const { KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE } = fallocateMode

export function write(tree: Tree, body: Body<'write'>): number {
  const { offset, data } = body
  if (offset + data.length > tree.options.maxFileSize) return -errno.EFBIG
  const file = tree.writable(body.path)
  if (typeof file === 'number') return file
  const mode = modeOf(tree, file)
  return writeAll(tree, file.fd, data, data.length, offset) || keepMode(file, mode)
}

export function truncate(tree: Tree, body: Body<'truncate'>): number {
  if (body.size > tree.options.maxFileSize) return -errno.EFBIG
  const file = tree.writable(body.path)
  if (typeof file === 'number') return file
  const set = modeOf(tree, file)
  return ftruncate(file.fd, body.size) || keepMode(file, set)
}

export function fallocate(tree: Tree, body: Body<'fallocate'>): number {
  const { mode, offset, length } = body
  // Room beyond the end counts as well: it would fill the disk in the same way.
  if (offset + length > tree.options.maxFileSize && !(mode & PUNCH_HOLE)) return -errno.EFBIG
  const file = tree.writable(body.path)
  if (typeof file === 'number') return file
  const set = modeOf(tree, file)
  let e = posixFallocate(file.fd, mode, offset, length)
  if (e === -errno.EOPNOTSUPP) e = fallocateByHand(tree, file.fd, mode, offset, length)
  return e || keepMode(file, set)
}

export function copy(tree: Tree, body: Body<'copy'>): number {
  if (body.offset + body.length > tree.options.maxFileSize) return -errno.EFBIG
  const directory = tree.parent(body.from)
  if (directory < 0) return directory
  const from = openRegular(directory, tree.name, O_RDONLY, tree.stat)
  if (from < 0) return from
  let e = tree.fake?.contents(from, false) ?? 0
  const file = e < 0 ? e : tree.writable(body.path)
  e = typeof file === 'number' ? file : copyAll(tree, from, file, body)
  close(from)
  return e
}

// The source's fsync makes nothing happen to the tree; when the mirror is durable is its own
// policy.
export function fsync(): number {
  return 0
}

/** Writes `length` bytes of `data` at `offset`, in as many calls as it takes. 0 or -errno. */
function writeAll(tree: Tree, fd: number, data: Buffer, length: number, offset: number): number {
  let done = 0
  while (done < length) {
    const n = pwrite(fd, data, done, length - done, offset + done)
    if (n < 0) return n
    if (n === 0) return -errno.EIO
    tree.began = true
    done += n
  }
  return 0
}

// Who is not root loses set-id bits of a file by writing to it; on the source they are in the
// stream as what they were there.
const isRoot = process.geteuid?.() === 0

function modeOf(tree: Tree, file: OpenFile): number {
  if (isRoot) return 0
  const mode = file.isShared ? Math.max(0, tree.modeOf(file.fd)) & 0o7777 : file.mode
  return mode & (S_ISUID | S_ISGID) || tree.inDoubt ? tree.options.noteMode(mode) : mode
}

function keepMode({ fd }: OpenFile, mode: number): number {
  return isRoot || !(mode & (S_ISUID | S_ISGID)) ? 0 : fchmod(fd, mode)
}

const block = Buffer.alloc(256 << 10)

function copyAll(tree: Tree, from: number, file: OpenFile, body: Body<'copy'>): number {
  const mode = modeOf(tree, file)
  let byHand = false
  for (let done = 0; done < body.length;) {
    const fromOffset = body.fromOffset + done
    const offset = body.offset + done
    const left = body.length - done
    const n = byHand
      ? copyBlock(tree, from, file.fd, fromOffset, offset, left)
      : copyFileRange(from, fromOffset, file.fd, offset, left)
    if (!byHand && (n === -errno.EXDEV || n === -errno.EOPNOTSUPP || n === -errno.ENOSYS)) {
      byHand = true
      continue
    }
    if (n < 0) return n
    tree.began = n > 0
    // What was read on the source is not all there. Nor will another try find more.
    if (n === 0) return -errno.ENODATA
    done += n
  }
  return keepMode(file, mode)
}

function copyBlock(
  tree: Tree,
  from: number,
  to: number,
  fromOffset: number,
  offset: number,
  left: number,
): number {
  const n = pread(from, block, 0, Math.min(left, block.length), fromOffset)
  return n <= 0 ? n : writeAll(tree, to, block, n, offset) || n
}

// What the file system does not offer, with the same bytes as its result.
function fallocateByHand(
  tree: Tree,
  fd: number,
  mode: number,
  offset: number,
  length: number,
): number {
  const e = fstat(fd, tree.stat.buffer)
  if (e < 0) return e
  const { size } = tree.stat
  const end = offset + length
  if (mode & (PUNCH_HOLE | ZERO_RANGE)) {
    const zeroed = writeZeros(tree, fd, offset, Math.min(end, size) - offset)
    if (zeroed < 0) return zeroed
  }
  return mode & KEEP_SIZE || end <= size ? 0 : ftruncate(fd, end)
}

function writeZeros(tree: Tree, fd: number, offset: number, length: number): number {
  block.fill(0)
  for (let done = 0; done < length;) {
    const n = Math.min(length - done, block.length)
    const e = writeAll(tree, fd, block, n, offset + done)
    if (e < 0) return e
    done += n
  }
  return 0
}
