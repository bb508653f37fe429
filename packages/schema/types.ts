// The scalar types of which every binary layout here is made. All little-endian, naturally aligned
// by their declaration (a layout that needs padding declares it).

/** One scalar: its width in bytes and the source text that reads and writes it. */
export interface Scalar<T> {
  readonly name: string
  readonly size: 1 | 2 | 4 | 8
  /** JavaScript source of the value read from Buffer `b` at `o`. */
  read(o: string): string
  /** JavaScript statements that write expression `v` to Buffer `b` at `o`. */
  write(o: string, v: string): string
  /** Only the type counts: what `decode` yields and `encode` takes. */
  readonly zero: T
}

const number = (
  name: string,
  size: 1 | 2 | 4 | 8,
  read: Scalar<number>['read'],
  write: Scalar<number>['write'],
) => ({ name, size, read, write, zero: 0 }) satisfies Scalar<number>

export const u8: Scalar<number> = number(
  'u8',
  1,
  (o) => `b[${o}]`,
  (o, v) => `b[${o}] = ${v}`,
)

export const u16: Scalar<number> = number(
  'u16',
  2,
  (o) => `(b[${o}] | (b[${o} + 1] << 8))`,
  (o, v) => `{ const n = ${v}; b[${o}] = n; b[${o} + 1] = n >>> 8 }`,
)

const readU32 = (o: string) =>
  `((b[${o}] | (b[${o} + 1] << 8) | (b[${o} + 2] << 16) | (b[${o} + 3] << 24)) >>> 0)`
const writeU32 = (o: string, v: string) =>
  `{ const n = ${v}; b[${o}] = n; b[${o} + 1] = n >>> 8;` +
  ` b[${o} + 2] = n >>> 16; b[${o} + 3] = n >>> 24 }`

export const u32: Scalar<number> = number('u32', 4, readU32, writeU32)

export const i32: Scalar<number> = number('i32', 4, (o) => `(${readU32(o)} | 0)`, writeU32)

/**
 * An unsigned 64-bit number. Reading one above 2^53 gives the nearest double, which is no longer a
 * safe integer: whoever takes it from outside checks `Number.isSafeInteger`.
 */
export const u64: Scalar<number> = number(
  'u64',
  8,
  (o) => `(${readU32(o)} + ${readU32(`${o} + 4`)} * 4294967296)`,
  (o, v) =>
    `{ const w = ${v}, h = Math.floor(w / 4294967296);` +
    ` ${writeU32(o, 'w - h * 4294967296')}; ${writeU32(`${o} + 4`, 'h')} }`,
)

/** A signed 64-bit number; beyond 2^53 either way it is no longer a safe integer (see `u64`). */
export const i64: Scalar<number> = number(
  'i64',
  8,
  (o) => `(${readU32(o)} + (${readU32(`${o} + 4`)} | 0) * 4294967296)`,
  (o, v) => u64.write(o, v),
)

/** An opaque 64-bit value, kept exactly. */
export const big64: Scalar<bigint> = {
  name: 'u64',
  size: 8,
  read: (o) => `b.readBigUInt64LE(${o})`,
  write: (o, v) => `b.writeBigUInt64LE(${v}, ${o})`,
  zero: 0n,
}
