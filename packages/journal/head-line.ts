// Everything that joins the journal to those who read its stream: the head, if it runs one, and
// what comes back from there and on standard input.

import { HeadFeed } from './head-feed.js'
import { Heads } from './heads.js'
import type { JournalOptions } from './journal.js'
import { requestInput } from './request-input.js'
import { RequestReader, type RequestTarget } from './request-reader.js'
import { Requests } from './requests.js'
import { SaySeldom } from './say-seldom.js'
import type { SessionThreadMessage, SessionThreadRequest } from './session-thread-data.js'

export class HeadLine {
  readonly #options: JournalOptions
  readonly #ask: (request: SessionThreadRequest) => void
  readonly #requests: Requests
  readonly #said: SaySeldom
  #heads: Heads | undefined
  #feed: HeadFeed | undefined
  #reader: RequestReader | undefined
  #isEnding = false

  /** `ask`: of the session's thread. */
  constructor(options: JournalOptions, ask: (request: SessionThreadRequest) => void) {
    this.#options = options
    this.#ask = ask
    this.#requests = new Requests(ask, options.log)
    this.#said = new SaySeldom(options.log)
  }

  /** To be called before the session begins. Throws SpoolError and SystemError. */
  start(): void {
    const { exec, requestsFd } = this.#options
    const input = requestInput(requestsFd)
    if (input)
      this.#reader = new RequestReader(input, this.#requests, (why) => this.#inputEnded(why))
    if (exec === undefined) return
    this.#feed = this.#makeFeed()
    this.#heads = this.#makeHeads(exec, this.#feed)
    // A head that found the spool without a writer might take that for its own part.
    if (!this.#feed) this.#heads.start()
  }

  /** Starts another head. False: there is none. */
  restart(): boolean {
    this.#heads?.restart()
    return this.#heads !== undefined
  }

  /** Takes what is meant for this; false: it is not. */
  heard(message: SessionThreadMessage): boolean {
    if ('opened' in message) this.#heads?.start()
    else if ('acksTaken' in message) this.#requests.acksTaken()
    else if ('assertsTaken' in message) this.#requests.assertsTaken()
    else if ('marked' in message) this.#requests.markDone(message.marked, message.result)
    else if ('headGone' in message) this.#heads?.replace(message.headGone)
    else return false
    return true
  }

  /**
   * The stream has ended, for the head as well, which is waited for, but not long. False: not all
   * has reached it, and nobody has it.
   */
  async end(): Promise<boolean> {
    this.#isEnding = true
    this.#feed?.end()
    const isTaken = (await this.#heads?.end()) ?? true
    this.#feed?.close(isTaken)
    if (!isTaken && this.#feed)
      this.#options.log('the head', 'may not have all; the spool keeps it for the next run')
    const isKept = this.#feed !== undefined
    this.#feed = undefined
    return isTaken || isKept
  }

  /** Waits no longer for a head that has not ended. */
  hurry(): void {
    if (this.#isEnding) this.#heads?.close()
  }

  /** Leaves nothing behind. */
  close(): void {
    this.#reader?.close()
    this.#heads?.close()
    this.#feed?.close(false)
    this.#said.close()
  }

  #inputEnded(why: string | undefined): void {
    const { exec, replicas, log } = this.#options
    if (why !== undefined) log('standard input', `is not read any more: ${why}`)
    if (exec === undefined && replicas.count > 0)
      log('the replicas', 'what they acknowledge cannot come any more: standard input is over')
  }

  #makeFeed(): HeadFeed | undefined {
    const { spool, log } = this.#options
    if (!spool) return undefined
    return new HeadFeed(spool.path, log, (ordinal) => this.#heads?.replace(ordinal))
  }

  #refuse(): void {
    const why = 'asks for what follows a position, which only a spool (--spool) could tell'
    this.#said.say('the head', why)
    this.#ask({ refuse: true })
  }

  #makeHeads(command: string, feed: HeadFeed | undefined): Heads {
    const { log, verbose } = this.#options
    const target: RequestTarget = {
      ack: (ack) => {
        feed?.acked(ack)
        this.#requests.ack(ack)
      },
      wantMark: (name) => this.#requests.wantMark(name),
      wantAssert: (request) => this.#requests.wantAssert(request),
      subscribe: (position) => (feed ? feed.subscribe(position) : this.#refuse()),
    }
    return new Heads({
      command,
      target,
      attach: (fd, ordinal) =>
        feed ? feed.attach(fd, ordinal) : this.#ask({ attach: fd, ordinal }),
      detach: () => (feed ? feed.detach() : this.#ask({ attach: null, ordinal: 0 })),
      changed: (state) => this.#ask({ head: state }),
      log,
      verbose,
    })
  }
}
