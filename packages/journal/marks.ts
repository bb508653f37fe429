// Marks: a name for a point of the stream, behind everything that was written on the mount before
// it, what mmap wrote included.

import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { errno } from '#posix'
import { PENDING } from '#fuse'
import { messageTable } from '#wire'
import type { JournalContext } from './journal-context.js'

/** To the main thread, and back once the kernel has handed over what it held of the files. */
export interface MarkMessage {
  /** 0 for one that nobody on the mount waits for. */
  readonly id: number
  readonly name: Uint8Array
  /** Of the files that are open for writing. */
  readonly paths: readonly Uint8Array[]
  /** How often this was tried before. */
  readonly tries: number
  /** On the way back: 0 or -errno; -ENOENT where one was no longer there. */
  readonly result: number
}

const newline = 0x0a
const triesMax = 10

/** The session thread's part. */
export class Marks {
  readonly #context: JournalContext
  readonly #port: MessagePort
  readonly #waiting = new Map<number, (result: number) => void>()
  #nextId = 1
  /** The last one, and its number in the epoch. */
  last: { readonly name: Buffer; readonly seq: number } | undefined

  constructor(context: JournalContext, port: MessagePort) {
    this.#context = context
    this.#port = port
  }

  /** Sets the mark that is called as `line` says; `done` is told when it is in the stream. */
  request(line: Buffer, done: (result: number) => void): number {
    const name = line.at(-1) === newline ? line.subarray(0, -1) : line
    const { min, max, fault } = messageTable.mark.fields.name
    if (name.length < min || name.length > max || fault(name) !== undefined) return -errno.EINVAL
    const id = this.#nextId++
    this.#waiting.set(id, done)
    this.#ask(id, name, 0)
    return PENDING
  }

  /** Emits the marks that nothing precedes any more. */
  collect(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: MarkMessage } | undefined
      if (!received) return
      const { id, name, tries, result } = received.message
      // Renamed meanwhile, perhaps: it is looked for under its present name.
      if (result === -errno.ENOENT && tries < triesMax) this.#ask(id, name, tries + 1)
      else this.#finish(id, result < 0 ? result : this.#emit(Buffer.from(name)))
    }
  }

  #ask(id: number, name: Uint8Array, tries: number): void {
    const { files, tree } = this.#context
    const paths: Buffer[] = []
    for (const node of files.written()) {
      const path = tree.target(node)
      if (Buffer.isBuffer(path)) paths.push(path)
    }
    this.#port.postMessage({ id, name, paths, tries, result: 0 } satisfies MarkMessage)
  }

  #emit(name: Buffer): number {
    const { emitter, times } = this.#context
    if (!emitter.isAttached) return -errno.EIO
    times.flushAll()
    emitter.emit('mark', { name })
    this.last = { name, seq: emitter.seq }
    return 0
  }

  #finish(id: number, result: number): void {
    const done = this.#waiting.get(id)
    this.#waiting.delete(id)
    done?.(result)
  }
}
