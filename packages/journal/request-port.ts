// The session thread's end of what the main thread asks of it.

import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { PENDING } from '#fuse'
import type { Assertions } from './assertions.js'
import type { Emitter } from './emitter.js'
import type { HeadOutput } from './head-output.js'
import type { HeadState } from './heads.js'
import type { Marks } from './marks.js'
import type { Replicas } from './replicas.js'
import type { SessionThreadMessage, SessionThreadRequest } from './session-thread-data.js'

export interface RequestPortOptions {
  readonly port: MessagePort
  readonly emitter: Emitter
  readonly marks: Marks
  readonly assertions: Assertions
  readonly replicas: Replicas
  readonly headOutput: HeadOutput | undefined
  readonly describe: () => string
  readonly post: (message: SessionThreadMessage) => void
}

export class RequestPort {
  readonly #options: RequestPortOptions
  /** How the head is, once there is one. */
  head: HeadState | undefined

  constructor(options: RequestPortOptions) {
    this.#options = options
  }

  /** Does what was asked for. */
  collect(): void {
    const { port } = this.#options
    for (;;) {
      const received = receiveMessageOnPort(port) as { message: SessionThreadRequest } | undefined
      if (!received) return
      this.#do(received.message)
    }
  }

  #do(request: SessionThreadRequest): void {
    const { emitter, replicas, headOutput, assertions, describe, post } = this.#options
    if ('acks' in request) {
      replicas.take(request.acks, emitter.seq)
      post({ acksTaken: true })
    } else if ('wantMark' in request) this.#mark(request.wantMark)
    else if ('wantAsserts' in request) {
      for (const wanted of request.wantAsserts)
        assertions.ask({ ...wanted, path: Buffer.from(wanted.path) })
      post({ assertsTaken: true })
    } else if ('attach' in request) {
      if (request.attach === null) headOutput?.detach()
      else headOutput?.attach(request.attach, request.ordinal)
    } else if ('refuse' in request) headOutput?.refuse()
    else if ('head' in request) this.head = request.head
    else post({ described: describe() })
  }

  #mark(name: Uint8Array): void {
    const { marks, post } = this.#options
    const done = (result: number) => post({ marked: name, result })
    const result = marks.request(Buffer.from(name), done)
    if (result !== PENDING) done(result)
  }
}
