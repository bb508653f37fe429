// Messages of a stream that means harm. Most are possible on the tree that they make, so that a
// replay gets far; the others have paths and numbers from all over their ranges, or are damaged.

import { codecs, fallocateMode, limits, messageTable, renameFlag } from '#wire'
import type { Body, Codec, Field, OperationName } from '#wire'
import { hostileStatement } from './hostile-statement.js'
import { randomMessage, randomNumber } from './random-message.js'
import type { Random } from './random.js'

const operations = (Object.keys(messageTable) as OperationName[]).filter(
  (name) => messageTable[name].type >>> 8 === 1,
)
// By what most messages take them for.
const names = {
  directory: ['a', 'b', 'ä'],
  file: ['f', 'g', '\xff', '-rf'],
  node: ['n', 'x'.repeat(255)],
  symlink: ['evil', 'out'],
}
type Kind = keyof typeof names
const kinds = Object.keys(names) as Kind[]
const allNames = [...Object.values(names).flat(), '.tfs', 'victim', 'sub']

const attributes = ['user.a', 'user.b', 'user.rsync.%stat', 'trusted.c']
const oddAttributes = ['security.capability', 'system.posix_acl_access', 'user.', 'x', 'trusted.']

const { KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE } = fallocateMode
/** Values without which an operation is refused. */
const possible: Partial<Record<OperationName, Record<string, readonly number[]>>> = {
  mknod: { mode: [0o010644, 0o140600, 0o020666, 0o060640] },
  fallocate: {
    mode: [0, KEEP_SIZE, PUNCH_HOLE | KEEP_SIZE, ZERO_RANGE, ZERO_RANGE | KEEP_SIZE],
  },
  rename: { flags: [0, 0, renameFlag.NOREPLACE, renameFlag.EXCHANGE] },
}
const kindOf: Partial<Record<OperationName, Kind>> = {
  create: 'file',
  mkdir: 'directory',
  mknod: 'node',
  symlink: 'symlink',
  link: 'file',
  rmdir: 'directory',
  write: 'file',
  truncate: 'file',
  fallocate: 'file',
  copy: 'file',
  setxattr: 'file',
  removexattr: 'file',
}
const placeFields = new Set(['offset', 'fromOffset', 'length', 'size'])
const near = 60_000

const out = Buffer.alloc(limits.messageSizeMax)

const pick = <T>(rng: Random, list: readonly T[]): T => list[rng.next(list.length)] as T

/** An unsealed message; symlinks lead to `targets`. One in `oddness` is odd. */
export function hostileMessage(rng: Random, targets: readonly string[], oddness: number): Buffer {
  const isOdd = rng.next(oddness) === 0
  if (isOdd && rng.next(4) === 0) return randomMessage(rng)
  if (rng.next(5) === 0)
    return hostileStatement(rng, targets, () =>
      isOdd ? oddPath(rng) : path(rng, pick(rng, kinds)),
    )
  const name = pick(rng, operations)
  const kind = kindOf[name] ?? pick(rng, name === 'unlink' ? kinds.slice(1) : kinds)
  const values: Record<string, number | Buffer> = {}
  for (const [key, field] of Object.entries(messageTable[name].fields))
    values[key] = isOdd
      ? oddValue(rng, key, field, targets)
      : (possibleValue(rng, name, key, kind) ?? value(rng, key, field, targets))
  const size = (codecs[name] as Codec).encode(out, values as Body)
  return Buffer.from(out.subarray(0, size))
}

function possibleValue(rng: Random, name: OperationName, key: string, kind: Kind) {
  if (['path', 'newPath', 'from'].includes(key)) return path(rng, kind)
  const among = possible[name]?.[key]
  if (among) return pick(rng, among)
  return placeFields.has(key) ? 1 + rng.next(near) : undefined
}

function value(rng: Random, key: string, field: Field, targets: readonly string[]) {
  if (field.kind === 'number') return randomNumber(rng, field)
  if (key === 'target') return Buffer.from(pick(rng, targets))
  if (key === 'name') return Buffer.from(pick(rng, attributes))
  return content.subarray(0, Math.max(field.min, rng.next(rng.next(8) ? 50 : 3000)))
}

function oddValue(rng: Random, key: string, field: Field, targets: readonly string[]) {
  if (field.kind === 'path') return oddPath(rng)
  if (key === 'name' && rng.next(2)) return Buffer.from(pick(rng, oddAttributes))
  if (field.kind === 'data') return content.subarray(0, Math.min(field.max, 1 << rng.next(21)))
  return value(rng, key, field, targets)
}

const content = Buffer.alloc(1 << 20, 'some content, ')

function path(rng: Random, kind: Kind): Buffer {
  const above = Array.from({ length: rng.next(3) }, () => pick(rng, names.directory))
  return Buffer.from([...above, pick(rng, names[kind])].join('/'), 'latin1')
}

function oddPath(rng: Random): Buffer {
  const depth = rng.next(100) === 0 ? 127 : 1 + rng.next(4)
  const parts = Array.from({ length: depth }, () => pick(rng, allNames))
  return Buffer.from(parts.join('/'), 'latin1')
}
