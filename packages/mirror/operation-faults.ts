// What is wrong with an operation before anything is looked up: beyond its row's ranges, what no
// journal writes. 0 or a refusal.

import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '#posix'
import { content, dataKind, fallocateMode, limits, renameFlag } from '#wire'
import type { Body, OperationName } from '#wire'
import { refusal } from './refusal.js'

type Fault<K extends OperationName> = (body: Body<K>) => number

const { KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE } = fallocateMode
const allocations = [0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE, ZERO_RANGE | KEEP_SIZE]
const specials: number[] = [S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK]
const renames: number[] = [0, renameFlag.NOREPLACE, renameFlag.EXCHANGE]

const reserved = Buffer.from('.tfs')
const slash = 0x2f

function isReserved(path: Buffer): boolean {
  return (
    path.length >= 4 &&
    path[0] === 0x2e &&
    (path.length === 4 || path[4] === slash) &&
    path.subarray(0, 4).equals(reserved)
  )
}

/** Whether a file system that folds case would take `path` to the reserved name. */
export const isReservedSpelling = (path: Buffer): boolean =>
  isReserved(Buffer.from(path.toString('latin1', 0, 5).toLowerCase(), 'latin1'))

const one = ({ path }: { path: Buffer }) => (isReserved(path) ? refusal.RESERVED : 0)
const two = (a: Buffer, b: Buffer) => (isReserved(a) || isReserved(b) ? refusal.RESERVED : 0)
const reaches = (offset: number, length: number) =>
  offset + length > limits.offsetMax ? refusal.RANGE : 0

export const operationFaults: { readonly [K in OperationName]: Fault<K> } = {
  create: one,
  mkdir: one,
  mknod: (b) => one(b) || (specials.includes(b.mode & S_IFMT) ? 0 : refusal.MODE),
  symlink: one,
  link: (b) => two(b.path, b.newPath),
  unlink: one,
  rmdir: one,
  rename: (b) => two(b.path, b.newPath) || (renames.includes(b.flags) ? 0 : refusal.FLAGS),
  write: (b) => one(b) || reaches(b.offset, b.data.length),
  truncate: one,
  fallocate: (b) =>
    one(b) ||
    (allocations.includes(b.mode) ? 0 : refusal.MODE) ||
    (b.length > 0 ? reaches(b.offset, b.length) : refusal.RANGE),
  copy: (b) =>
    two(b.path, b.from) || reaches(b.offset, b.length) || reaches(b.fromOffset, b.length),
  setattr: one,
  setxattr: one,
  removexattr: one,
  fsync: one,
}

export type StatementName = 'assert-absent' | 'assert-dir' | 'assert-file' | 'assert-data'

const blockMax = limits.dataSizeMax
const hashSize = 32

/** The same for what is stated. */
export const statementFaults: {
  readonly [K in StatementName]: (body: Body<K>) => number
} = {
  'assert-absent': one,
  'assert-dir': one,
  'assert-file': (b) => two(b.path, b.linkOf) || fileFault(b),
  'assert-data': (b) => one(b) || reaches(b.offset, b.length) || dataFault(b),
}

function fileFault({ mode, size, target, data, content: kind }: Body<'assert-file'>): number {
  const type = mode & S_IFMT
  if (type === S_IFLNK ? target.length === 0 : target.length > 0) return refusal.MODE
  if (type !== S_IFREG)
    return type !== S_IFLNK && !specials.includes(type) ? refusal.MODE : size ? refusal.RANGE : 0
  if (kind === content.HERE) return data.length === size ? 0 : refusal.RANGE
  if (kind === content.HASH) return data.length === hashSize && size <= blockMax ? 0 : refusal.RANGE
  return data.length === 0 ? 0 : refusal.RANGE
}

function dataFault({ kind, length, data }: Body<'assert-data'>): number {
  if (kind === dataKind.HOLE) return data.length === 0 && length > 0 ? 0 : refusal.RANGE
  if (kind === dataKind.DATA) return data.length === length && length > 0 ? 0 : refusal.RANGE
  return data.length === hashSize && length <= blockMax && length > 0 ? 0 : refusal.RANGE
}
