// The types of handlers, inferred from the opcode rows, and what a handler may return.

import type { Struct, Values } from '#schema'
import type { ArgName, OpcodeName, opcodes } from './opcodes.js'
import type { Reply } from './reply.js'

/** Who asks, and about which inode. One object, reused: valid until the handler returns. */
export interface Request {
  opcode: number
  unique: number
  nodeid: number
  /** The caller's; for FUSE_WRITE_CACHE writes, where no caller is known, all are 0. */
  uid: number
  gid: number
  /** The thread, 0 where it is not visible from here (another pid namespace). */
  pid: number
}

/** The handler keeps the request: `session.answer(unique, ...)` will be called, once. */
export const PENDING = 1
/** Somebody else (a helper thread) answers it, once, with `sendReply`; the session forgets it. */
export const HANDED_OFF = 2

type Rows = typeof opcodes
type StructOf<R> = R extends { in: Struct<infer F> } ? Values<F> : unknown
type NamesOf<R> = R extends { names: readonly (infer N extends ArgName)[] }
  ? { [K in N]: Buffer }
  : unknown
type DataOf<R> = R extends { data: true } ? { data: Buffer } : unknown

/**
 * A decoded request body: the struct's fields (numbers, kept by the object), and names (without
 * their NUL) and data as views of the session's buffer, valid until the handler returns.
 */
export type ArgOf<K extends OpcodeName> = StructOf<Rows[K]> & NamesOf<Rows[K]> & DataOf<Rows[K]>

/**
 * Returns 0 to send what was put into `reply`, -errno, `PENDING` or `HANDED_OFF`. Where the row
 * says that no reply is sent, the result is ignored.
 */
export type Handler<K extends OpcodeName> = (
  request: Readonly<Request>,
  arg: ArgOf<K>,
  reply: Reply,
) => number

/** What the session does by itself has no handler: INIT, and INTERRUPT (see `onInterrupt`). */
export type Handlers = {
  readonly [K in Exclude<OpcodeName, 'FUSE_INIT' | 'FUSE_INTERRUPT'>]?: Handler<K>
}
