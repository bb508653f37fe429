// Heads fed from the journal's spool, at their own pace: each goes on behind what the one before it
// is known to have, so that nothing is lost, and the mount never waits.

import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { errno } from '#posix'
import { afterPosition, RegisteredReader, Spool, SpoolOutput, SpoolReader } from '#spool'
import { SpoolError, watchSpool, type SpoolWatch } from '#spool'
import { refusal, subscribedTo, type Position } from '#wire'
import type { Ack } from './request-reader.js'
import { SaySeldom } from './say-seldom.js'
import { untakenOf } from './untaken.js'

/** As whom heads are registered in the spool: what they do not have yet is not trimmed. */
const readerName = 'journal-head'
/**
 * A copy that acknowledged nothing for so long is not one of the heads' any more. Where its
 * connection is lost it tries again within half of that.
 */
const awayMs = 60_000
const copiesMax = 1024
/** How often it is looked whether a head has read all. */
const lookMs = 20

/** One head's share. */
interface Flow {
  readonly ordinal: number
  readonly fd: number
  readonly socket: Socket
  /** What the head has asked for, until that is begun. */
  wanted: Position | undefined
  reader: SpoolReader
  output: SpoolOutput
  /** Settles when `output` passes on nothing more. */
  running: Promise<void>
}

/** One that takes the stream behind a head, and says what it has. */
interface Copy {
  position: Position
  /** That survives a power cut; else it is what the copy has applied. */
  isDurable: boolean
  /** When it was heard of. */
  atMs: number
}

/** Stands for the copies of earlier runs, of which is known only what they all have. */
const earlier = ''

export class HeadFeed {
  readonly #spool: Spool
  readonly #registered: RegisteredReader
  readonly #watch: SpoolWatch
  readonly #log: (what: string, why: string) => void
  readonly #said: SaySeldom
  readonly #onFail: (ordinal: number) => void
  // By who they are. They outlive a head: the next one may end before all of them are back.
  readonly #copies = new Map<string, Copy>()
  #flow: Flow | undefined
  #isEnding = false
  // The last message, once it has been passed on.
  #passed: Position | undefined

  /**
   * To be made before the run's first message: that is where the first head begins, if none was
   * there in earlier runs. `onFail`: the head at hand gets nothing more. Throws SpoolError and
   * SystemError.
   */
  constructor(
    path: string,
    log: (what: string, why: string) => void,
    onFail: (ordinal: number) => void,
  ) {
    this.#log = log
    this.#said = new SaySeldom(log)
    this.#onFail = onFail
    this.#spool = new Spool(path)
    this.#registered = new RegisteredReader(this.#spool.fd, path, readerName)
    const { epoch, seq } = this.#spool.newest()
    const { position } = this.#registered
    if (position.epoch === 0) this.#registered.update({ epoch, seq })
    else this.#copies.set(earlier, { position, isDurable: true, atMs: performance.now() })
    this.#watch = watchSpool(this.#spool, (isTick) => this.#flow?.output.wake(isTick))
  }

  /** Gives a head, which reads the pipe `fd`, what comes behind the last one's position. */
  attach(fd: number, ordinal: number): void {
    const socket = new Socket({ fd, readable: false, writable: true })
    // As many listeners as the head has subscribed.
    socket.setMaxListeners(0)
    const reader = this.#reader()
    const flow: Flow = {
      ordinal,
      fd,
      socket,
      wanted: undefined,
      reader,
      output: this.#output(socket, reader, false),
      running: Promise.resolve(),
    }
    this.#flow = flow
    const atMs = performance.now()
    for (const [who, copy] of this.#copies) if (who !== earlier) copy.atMs = atMs
    this.#run(flow, () => this.#place(reader))
  }

  /** The head is gone: the next one begins with what it may not have. */
  detach(): void {
    const flow = this.#flow
    if (!flow) return
    this.#flow = undefined
    // It notes what has surely gone through the pipe; acks know better.
    flow.output.stop()
    const position = this.#acknowledged()
    if (position) this.#note(position)
    flow.socket.destroy()
    flow.reader.close()
  }

  /** The head asks for what follows a position. */
  subscribe(position: Position): void {
    const flow = this.#flow
    if (!flow) return
    const isAsked = flow.wanted !== undefined
    flow.wanted = position
    if (isAsked) return
    flow.output.stop()
    void flow.running.then(() => {
      const { wanted } = flow
      flow.wanted = undefined
      if (wanted && this.#flow === flow) this.#goTo(flow, wanted)
    })
  }

  #goTo(flow: Flow, position: Position): void {
    flow.reader.close()
    flow.reader = this.#reader()
    try {
      if (position.epoch !== 0) flow.reader.seekBehind(position)
    } catch (error) {
      if (!(error instanceof SpoolError)) throw error
      return this.#refuse(flow, error.message)
    }
    // It knows better than what is known of its copies.
    this.#copies.clear()
    this.#note(position)
    flow.socket.write(subscribedTo(position))
    flow.output = this.#output(flow.socket, flow.reader, true)
    this.#run(flow)
  }

  #refuse(flow: Flow, why: string): void {
    this.#said.say('the head', `asks for what is not there: ${why}`)
    flow.socket.end(refusal(errno.ENODATA, why))
    this.#onFail(flow.ordinal)
  }

  /** What a copy has received and may lose is sent again, should it come back without that. */
  acked({ who, epoch, applied, durable }: Ack): void {
    const copies = this.#copies
    const known = copies.get(who)
    if (epoch === 0 || (!known && copies.size >= copiesMax)) return
    const atMs = performance.now()
    // At the beginning of an epoch it has only that of the last one on disk.
    if (durable === 0 && known?.isDurable && known.position.epoch !== epoch) known.atMs = atMs
    else {
      const position = { epoch, seq: durable || applied }
      copies.set(who, { position, isDurable: durable > 0, atMs })
    }
  }

  /** The stream has ended: once the head has all of it, its input ends. */
  end(): void {
    this.#isEnding = true
    this.#flow?.output.end()
  }

  /** `isTaken`: the head has ended well after the end of its input, so it has all of that. */
  close(isTaken: boolean): void {
    this.detach()
    if (isTaken && this.#passed) this.#note(this.#passed)
    this.#watch.close()
    this.#registered.close()
    this.#spool.close()
    this.#said.close()
  }

  #reader(): SpoolReader {
    const reader = new SpoolReader(this.#spool)
    reader.onLost = (from, oldest) =>
      this.#log(
        'the head',
        `has lost messages: what follows ${from.epoch}:${from.seq} was trimmed up to ` +
          `${oldest.epoch}:${oldest.seq}`,
      )
    return reader
  }

  #output(output: Socket, reader: SpoolReader, isBegun: boolean): SpoolOutput {
    const update = (position: Position) => this.#record(position)
    // What the watch does not tell of, its ticks do, and that is where damage shows.
    const idle = (isTick: boolean) => void (isTick && reader.pending())
    return new SpoolOutput({ reader, output, isBegun, registered: { update }, idle })
  }

  #run(flow: Flow, begin?: () => void): void {
    const { output } = flow
    if (this.#isEnding) output.end()
    const pass = async () => {
      try {
        begin?.()
        await output.run()
        if (!this.#isEnding || this.#flow?.output !== output) return
        await this.#taken(flow)
        if (this.#flow?.output !== output || flow.wanted) return
        this.#passed = flow.reader.position
        flow.socket.end()
      } catch (error) {
        if (this.#flow?.output !== output) return
        const { code, message } = error as NodeJS.ErrnoException
        // It reads no more: most likely it has ended.
        if (code !== 'EPIPE')
          this.#said.say('the head', `gets nothing more from the spool: ${message}`)
        this.#onFail(flow.ordinal)
      }
    }
    flow.running = pass()
  }

  // Who has read to the end will not ask for a position any more: that comes before.
  async #taken(flow: Flow): Promise<void> {
    const isOpen = () => this.#flow === flow && !flow.wanted
    do await sleep(lookMs)
    while (isOpen() && untakenOf(flow.fd, 'pipe') > 0)
    if (isOpen()) await sleep(lookMs)
  }

  #place(reader: SpoolReader): void {
    const { position } = this.#registered
    if (position.epoch === 0) return
    try {
      reader.seekBehind(position)
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== 'ESPOOL_UNKNOWN' && code !== 'ESPOOL_AHEAD') throw error
      this.#log('the head', `begins with the oldest of the spool: ${(error as Error).message}`)
    }
  }

  #record(position: Position): void {
    this.#registered.update(this.#acknowledged() ?? position)
  }

  #note(position: Position): void {
    try {
      this.#registered.update(position)
    } catch {
      // No room: the older record only makes more of it come again.
    }
  }

  // What all copies have that have acknowledged anything lately.
  #acknowledged(): Position | undefined {
    let least: Position | undefined
    for (const [who, { position, atMs }] of this.#copies) {
      if (performance.now() - atMs > awayMs) this.#copies.delete(who)
      else if (!least || this.#isBefore(position, least)) least = position
    }
    return least && this.#isThere(least) ? least : undefined
  }

  #isBefore(a: Position, b: Position): boolean {
    if (a.epoch === b.epoch) return a.seq < b.seq
    const epochs = this.#spool.segments().map(({ epoch }) => epoch)
    return epochs.indexOf(a.epoch) < epochs.indexOf(b.epoch)
  }

  #isThere(position: Position): boolean {
    try {
      afterPosition(this.#spool, position)
      return true
    } catch {
      return false
    }
  }
}
