// One request: from its bytes to its handler, and from the handler's result to the one reply.

import assert from 'node:assert'
import { errno, systemError } from '#posix'
import { fuse_ioctl_out } from './abi-file.js'
import { fuse_in_header, fuse_init_out } from './abi-header.js'
import { fuse_forget_one, fuse_getxattr_out, fuse_setxattr_in_compat } from './abi-node.js'
import { describeReply, describeRequest } from './describe-request.js'
import { FuseError } from './fuse-error.js'
import { HANDED_OFF, PENDING, type Handlers, type Request } from './handler.js'
import { negotiate, type InitOptions, type Kernel } from './init.js'
import { opcodes, type OpcodeName, type Row } from './opcodes.js'
import { BEYOND, MALFORMED, parserOf, type Parse } from './parse.js'
import { Reply } from './reply.js'
import { errorMin, sendReply } from './send-reply.js'
import type { Device } from './statx-to-attr.js'

export interface DispatcherOptions {
  fd: number
  handlers: Handlers
  init: InitOptions
  home?: Device | undefined
  onInterrupt: ((unique: number) => void) | undefined
  onError: (error: unknown, during: string) => void
  onTrace: ((line: string) => void) | undefined
}

type AnyHandler = (request: Request, arg: object, reply: Reply) => number

interface Entry {
  readonly name: OpcodeName
  readonly row: Row
  readonly handler: AnyHandler | undefined
  /** Bytes of a good reply; -1: as many as the request has room for. */
  readonly replySize: number
  parse: Parse
}

const headerSize = fuse_in_header.size
/** The longest path that READLINK can answer (PATH_MAX). */
const targetMax = 4096

export class Dispatcher {
  kernel: Kernel | undefined
  readonly counters = {
    requests: 0,
    /** Handlers and hooks that threw, replies that did not fit. */
    failures: 0,
    malformed: 0,
    unknown: 0,
    interrupts: 0,
    /** Replies for which nobody waited any more. */
    undelivered: 0,
  }
  readonly #options: DispatcherOptions
  readonly #table: (Entry | undefined)[] = []
  readonly #reply: Reply
  readonly #pending = new Map<number, OpcodeName>()
  readonly #request: Request = { opcode: 0, unique: 0, nodeid: 0, uid: 0, gid: 0, pid: 0 }
  #late: Reply | undefined

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#reply = new Reply(Math.max(options.init.maxWrite, 1 << 17), options.home)
    for (const name of Object.keys(opcodes) as OpcodeName[]) {
      this.#table[opcodes[name].opcode] = entryOf(name, options.handlers)
    }
  }

  /** Requests that wait for `answer`. */
  get pending(): number {
    return this.#pending.size
  }

  /** Serves the request in the first `size` bytes of `buffer`. */
  handle(buffer: Buffer, size: number): void {
    this.counters.requests++
    if (size < headerSize) {
      this.#malformed(undefined, `a request of ${size} bytes`)
      return
    }
    const request = this.#request
    const header = fuse_in_header.decode(buffer)
    request.opcode = header.opcode
    request.unique = header.unique
    request.nodeid = header.nodeid
    request.uid = header.uid
    request.gid = header.gid
    request.pid = header.pid
    const end = size - header.total_extlen * 8
    const entry = this.#table[header.opcode]
    if (entry === undefined) {
      this.counters.unknown++
      this.#send(this.#reply, header.unique, -errno.ENOSYS)
    } else if (header.len !== size || end < headerSize) {
      this.#malformed(entry.name, `its header says ${header.len} bytes, there are ${size}`)
    } else if (entry.row.out === 'never') this.#tell(entry, buffer, end)
    else if (entry.name === 'FUSE_INIT') this.#init(buffer, end)
    else this.#serve(entry, buffer, end)
  }

  answer(unique: number, error: number, fill?: (reply: Reply) => void): void {
    const name = this.#pending.get(unique)
    assert(name !== undefined, `request ${unique} does not wait for an answer`)
    assert(error <= 0, `answer ${error}`)
    this.#pending.delete(unique)
    const entry = this.#table[opcodes[name].opcode]!
    const reply = (this.#late ??= new Reply(this.#reply.capacity, this.#options.home))
    reply.reset(reply.capacity)
    let result = error
    try {
      if (error === 0) fill?.(reply)
    } catch (thrown) {
      this.#failed(thrown, name)
      result = -errno.EIO
    }
    this.#conclude(entry, reply, unique, result)
  }

  #serve(entry: Entry, buffer: Buffer, end: number): void {
    const { handler, name } = entry
    const reply = this.#reply
    const { unique } = this.#request
    if (handler === undefined) {
      reply.reset(0)
      // With DESTROY the kernel says goodbye and waits for a nod.
      this.#send(reply, unique, name === 'FUSE_DESTROY' ? 0 : -errno.ENOSYS)
      return
    }
    const arg = entry.parse(buffer, headerSize, end)
    if (arg === MALFORMED) {
      this.#malformed(name, `a body of ${end - headerSize} bytes`)
      return
    }
    if (arg === BEYOND) {
      reply.reset(0)
      this.#send(reply, unique, beyond(entry.row))
      return
    }
    this.#options.onTrace?.(describeRequest(name, this.#request, arg))
    reply.reset(entry.replySize >= 0 ? entry.replySize : roomFor(name, arg))
    let result: number
    try {
      result = handler(this.#request, arg, reply)
    } catch (error) {
      this.#failed(error, name)
      result = -errno.EIO
    }
    if (result === PENDING) {
      assert(!this.#pending.has(unique), `request ${unique} twice`)
      this.#pending.set(unique, name)
    } else if (result !== HANDED_OFF) this.#conclude(entry, reply, unique, result)
  }

  /** Sends a handler's result, or EIO where it does not fit the request. */
  #conclude(entry: Entry, reply: Reply, unique: number, result: number): void {
    const { name, replySize } = entry
    const fits = replySize < 0 ? reply.length <= reply.limit : reply.length === replySize
    if (Number.isInteger(result) && (result < 0 ? result >= errorMin : result === 0 && fits)) {
      this.#send(reply, unique, result)
      return
    }
    const what = result === 0 ? `a reply of ${reply.length} bytes` : `result ${result}`
    this.#failed(new FuseError('EFUSE_REPLY', `${name}: ${what}`), name)
    this.#send(reply, unique, -errno.EIO)
  }

  #send(reply: Reply, unique: number, error: number): void {
    this.#options.onTrace?.(describeReply(unique, error, reply.length))
    const sent = sendReply(this.#options.fd, unique, error, reply)
    if (sent === 0) return
    // The connection was aborted: the next read says so. (A caller that is killed meanwhile still
    // waits for its reply: fs/fuse/dev.c, request_wait_answer.)
    this.counters.undelivered++
    if (sent === -errno.ENOENT || sent === -errno.ENODEV || sent === -errno.ECONNABORTED) return
    this.#options.onError(systemError(sent, 'write', '/dev/fuse'), 'reply')
  }

  /** Requests that have no reply. */
  #tell(entry: Entry, buffer: Buffer, end: number): void {
    const { name } = entry
    const arg = entry.parse(buffer, headerSize, end)
    if (typeof arg === 'symbol') {
      this.counters.malformed++
      const error = new FuseError('EFUSE_REQUEST', `${name}: a body of ${end - headerSize} bytes`)
      this.#options.onError(error, name)
      return
    }
    this.#options.onTrace?.(describeRequest(name, this.#request, arg))
    if (name === 'FUSE_INTERRUPT') this.#interrupt(arg['unique'] as number)
    else if (entry.handler) this.#call(entry.handler, arg, name)
    else if (name === 'FUSE_BATCH_FORGET') {
      this.#forgetEach(arg['count'] as number, arg['data'] as Buffer)
    }
  }

  #call(handler: AnyHandler, arg: object, name: OpcodeName): void {
    try {
      handler(this.#request, arg, this.#reply)
    } catch (error) {
      this.#failed(error, name)
    }
  }

  /** A batch without a handler of its own is many FORGETs. */
  #forgetEach(count: number, data: Buffer): void {
    const forget = this.#table[opcodes.FUSE_FORGET.opcode]?.handler
    if (forget === undefined) return
    const there = Math.min(count, Math.floor(data.length / fuse_forget_one.size))
    for (let i = 0; i < there; i++) {
      const { nodeid, nlookup } = fuse_forget_one.decode(data, i * fuse_forget_one.size)
      this.#request.nodeid = nodeid
      this.#call(forget, { nlookup }, 'FUSE_FORGET')
    }
    if (there === count) return
    this.counters.malformed++
    const error = new FuseError(
      'EFUSE_REQUEST',
      `FUSE_BATCH_FORGET: ${there} of ${count} are there`,
    )
    this.#options.onError(error, 'FUSE_BATCH_FORGET')
  }

  /**
   * The kernel sends INTERRUPT after the request that it means, to one reader in that order: if
   * that one does not wait here, it has been answered, and there is nothing to do or say.
   */
  #interrupt(unique: number): void {
    this.counters.interrupts++
    const { onInterrupt, onError } = this.#options
    // ENOSYS: never ask again (fs/fuse/dev.c, fuse_dev_do_write).
    if (onInterrupt === undefined) this.#send(this.#reply, this.#request.unique, -errno.ENOSYS)
    else if (this.#pending.has(unique)) {
      try {
        onInterrupt(unique)
      } catch (error) {
        this.counters.failures++
        onError(error, 'FUSE_INTERRUPT')
      }
    }
  }

  #init(buffer: Buffer, end: number): void {
    const reply = this.#reply
    const { unique } = this.#request
    reply.reset(fuse_init_out.size)
    try {
      const { reply: values, kernel } = negotiate(buffer, headerSize, end, this.#options.init)
      reply.struct(fuse_init_out, values)
      this.kernel = kernel
      const extended = kernel === undefined || kernel.flags.has('FUSE_SETXATTR_EXT')
      const layout = extended ? undefined : fuse_setxattr_in_compat
      this.#table[opcodes.FUSE_SETXATTR.opcode]!.parse = parserOf('FUSE_SETXATTR', layout)
    } catch (error) {
      this.#send(reply, unique, -errno.EPROTO)
      throw error
    }
    this.#send(reply, unique, 0)
  }

  #malformed(name: OpcodeName | undefined, what: string): void {
    this.counters.malformed++
    const during = name ?? 'request'
    this.#options.onError(new FuseError('EFUSE_REQUEST', `${during}: ${what}`), during)
    // Without a header there is nobody to answer.
    if (name !== undefined) this.#send(this.#reply, this.#request.unique, -errno.EIO)
  }

  #failed(error: unknown, name: OpcodeName): void {
    this.counters.failures++
    this.#options.onError(error, name)
  }
}

function entryOf(name: OpcodeName, handlers: Handlers): Entry {
  const row: Row = opcodes[name]
  return {
    name,
    row,
    handler: (handlers as Record<string, AnyHandler | undefined>)[name],
    replySize: Array.isArray(row.out) ? row.out.reduce((sum, { size }) => sum + size, 0) : -1,
    parse: parserOf(name),
  }
}

function beyond(row: Row): number {
  if (row.beyond === 'EOF') return 0
  return row.beyond === 'ENXIO' ? -errno.ENXIO : -errno.EFBIG
}

/** Bytes of reply for which the kernel has room. */
function roomFor(name: OpcodeName, arg: Record<string, number | Buffer>): number {
  if (name === 'FUSE_IOCTL') return fuse_ioctl_out.size + (arg['out_size'] as number)
  const size = arg['size'] as number | undefined
  if (size === undefined) return targetMax
  // An xattr call that asks for no bytes asks how many there are.
  return size === 0 ? fuse_getxattr_out.size : size
}
