// The kernel's side of the device, played by a test: a socket that keeps messages apart, on which
// raw requests are put and from which raw replies are taken.

import assert from 'node:assert'
import {
  fuse_in_header,
  fuse_init_in,
  fuse_out_header,
  opcodes,
  Session,
  type OpcodeName,
  type SessionEnd,
  type SessionOptions,
} from '#fuse'
import {
  check,
  close,
  F_SETFL,
  fcntl,
  MSG_DONTWAIT,
  O_NONBLOCK,
  recvmsg,
  SOCK_SEQPACKET,
  socketpair,
  write,
} from '#posix'
import type { Fields, Struct, Values } from '#schema'

export interface Answer {
  unique: number
  error: number
  body: Buffer
}

const replyMax = 1 << 17

export class FakeKernel {
  /** The session's end. */
  readonly fd: number
  readonly #kernelEnd: number
  #unique = 0

  constructor() {
    const pair: [number, number] = [-1, -1]
    check(socketpair(SOCK_SEQPACKET, pair), 'socketpair')
    this.fd = pair[0]
    this.#kernelEnd = pair[1]
    check(fcntl(this.fd, F_SETFL, O_NONBLOCK), 'fcntl')
  }

  /** Puts a request; returns its number. `header` overrides what is right. */
  request(
    opcode: OpcodeName | number,
    parts: readonly Buffer[] = [],
    header: Partial<ReturnType<typeof fuse_in_header.decode>> = {},
  ): number {
    const number = typeof opcode === 'number' ? opcode : opcodes[opcode].opcode
    const message = Buffer.concat([Buffer.alloc(fuse_in_header.size), ...parts])
    this.#unique += 2
    const unique = header.unique ?? this.#unique
    const right = { len: message.length, opcode: number, unique, nodeid: 1, uid: 1000, gid: 100 }
    fuse_in_header.encode(message, 0, { ...right, pid: 4242, ...header })
    this.raw(message)
    return unique
  }

  raw(message: Buffer): void {
    const sent = write(this.#kernelEnd, message, 0, message.length)
    assert.equal(sent, message.length)
  }

  init(values: Partial<ReturnType<typeof fuse_init_in.decode>> = {}, size = 64): number {
    const body = Buffer.alloc(fuse_init_in.size)
    // Everything is offered.
    const all = { flags: 0xffffffff, flags2: 0xffffffff }
    fuse_init_in.encode(body, 0, { major: 7, minor: 45, max_readahead: 131072, ...all, ...values })
    return this.request('FUSE_INIT', [body.subarray(0, size)])
  }

  /** All replies so far. */
  answers(): Answer[] {
    const answers: Answer[] = []
    const buffer = Buffer.alloc(replyMax)
    for (;;) {
      const size = recvmsg(this.#kernelEnd, buffer, 0, buffer.length, [], MSG_DONTWAIT)
      if (size <= 0) return answers
      const { len, error, unique } = fuse_out_header.decode(buffer)
      assert.equal(len, size, 'the length in the header of a reply')
      answers.push({ unique, error, body: Buffer.from(buffer.subarray(16, size)) })
    }
  }

  /** As an unmount: the session reads the end. */
  hangUp(): void {
    close(this.#kernelEnd)
  }

  end(): void {
    close(this.fd)
    close(this.#kernelEnd)
  }
}

/** Runs a session over the requests that are there and stops it when they are done. */
export function serveAll(
  kernel: FakeKernel,
  options: Omit<SessionOptions, 'fd' | 'onError'> & Partial<Pick<SessionOptions, 'onError'>>,
): { session: Session; end: SessionEnd } {
  let before = -1
  const session: Session = new Session({
    maxWrite: 65536,
    onError: (error) => {
      throw error
    },
    nextDeadlineMs: () => 0,
    onDeadline: () => {
      if (session.counters.requests === before) session.stop()
      before = session.counters.requests
    },
    ...options,
    fd: kernel.fd,
  })
  return { session, end: session.run() }
}

/** A struct's bytes. */
export function bytesOf<F extends Fields>(layout: Struct<F>, values: Partial<Values<F>>): Buffer {
  const buffer = Buffer.alloc(layout.size)
  layout.encode(buffer, 0, values)
  return buffer
}
