// A process of a case: each call it makes goes to the transcript with its result. A call must
// succeed unless the case says otherwise, so that a case cannot pass by failing everywhere:
//   await p.mkdir('d')                       must succeed
//   await p.fails('EEXIST').mkdir('d')       must fail, and so
//   await p.maybe().mkdir('d')               only recorded: the file system below decides
//   await p.differs('why').setFlags(fd, 1)   the mount may refuse

import { Actor, type Reply } from './actor.js'
import { CaseFailure, type Json, type Step, type Transcript } from './transcript.js'

type Wanted = { kind: 'success' } | { kind: 'errno'; errno: string } | { kind: 'any' }

export type Recording = {
  /** What of the reply two directories must agree on; by default the call's result. */
  record?: (reply: Reply) => Json
  timeoutMs?: number
}

const callTimeoutMs = 20_000

export class RecordedProcess {
  readonly #transcript: Transcript
  readonly #label: string
  readonly #actor = new Actor()
  #wanted: Wanted = { kind: 'success' }
  #differs: Step['differs']
  #inChild = false

  constructor(transcript: Transcript, label: string) {
    this.#transcript = transcript
    this.#label = label
  }

  get pid(): number {
    return this.#actor.pid
  }

  /** The next call must fail with this errno. */
  fails(errno: string): this {
    this.#wanted = { kind: 'errno', errno }
    return this
  }

  /** The next call may go either way, the same on both directories. */
  maybe(): this {
    this.#wanted = { kind: 'any' }
    return this
  }

  /** The next call may be refused by the mount, or give `instead`, for this reason, whatever the
   * plain directory does. */
  differs(reason: string, instead?: Json): this {
    this.#wanted = { kind: 'any' }
    this.#differs = instead === undefined ? { reason } : { reason, instead }
    return this
  }

  /** The next call is made by a forked child, which shares this process's open files. */
  child(): this {
    this.#inChild = true
    return this
  }

  end(): Promise<void> {
    return this.#actor.end()
  }

  protected note(call: string, result: Json): void {
    this.#transcript.steps.push({ call: `${this.#label}${call}`, result })
  }

  protected untold(words: string): Promise<Reply> {
    return this.#actor.request(words, callTimeoutMs)
  }

  /** Makes a call that `words` spells (actor.c) and records it under `show`. */
  protected async call(show: string, words: string, recording: Recording = {}): Promise<Reply> {
    const [wanted, differs, inChild] = [this.#wanted, this.#differs, this.#inChild]
    this.#wanted = { kind: 'success' }
    this.#differs = undefined
    this.#inChild = false
    const step: Step = { call: `${this.#label}${show}`, result: '(no answer)' }
    if (differs !== undefined) step.differs = differs
    this.#transcript.steps.push(step)
    const request = inChild ? `child ${words}` : words
    const reply = await this.#actor
      .request(request, recording.timeoutMs ?? callTimeoutMs)
      .catch((cause: unknown) => {
        throw new CaseFailure(`${step.call}: ${(cause as Error).message}`, { cause })
      })
    const record = recording.record ?? ((r: Reply) => r.value)
    step.result = reply.errno === '' ? record(reply) : reply.errno
    check(step, wanted, reply.errno)
    return reply
  }
}

function check(step: Step, wanted: Wanted, errno: string): void {
  if (wanted.kind === 'success' && errno !== '') {
    throw new CaseFailure(`${step.call}: ${errno}, but it has to succeed`)
  }
  if (wanted.kind === 'errno' && errno !== wanted.errno) {
    const found = errno === '' ? `gave ${JSON.stringify(step.result)}` : errno
    throw new CaseFailure(`${step.call}: ${found}, but it has to fail with ${wanted.errno}`)
  }
}
