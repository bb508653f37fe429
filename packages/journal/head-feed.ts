// Heads fed from the journal's spool, at their own pace: each goes on behind what the one before it
// is known to have, so that nothing is lost, and the mount never waits.

import { Socket } from 'node:net'
import { afterPosition, RegisteredReader, Spool, SpoolOutput, SpoolReader } from '#spool'
import { SpoolError, watchSpool, type SpoolWatch } from '#spool'
import { refusal, subscribedTo, type Position } from '#wire'
import type { Ack } from './request-reader.js'
import { SaySeldom } from './say-seldom.js'

/** As whom heads are registered in the spool: what they do not have yet is not trimmed. */
const readerName = 'journal-head'
/** A copy that acknowledged nothing for so long is not one of the head's any more. */
const ackMs = 30_000
const copiesMax = 1024
const ENODATA = 61

/** One head's share. */
interface Flow {
  readonly ordinal: number
  readonly socket: Socket
  readonly acks: Map<string, { readonly position: Position; readonly atMs: number }>
  reader: SpoolReader
  output: SpoolOutput
  /** Settles when `output` passes on nothing more. */
  running: Promise<void>
}

export class HeadFeed {
  readonly #spool: Spool
  readonly #registered: RegisteredReader
  readonly #watch: SpoolWatch
  readonly #log: (what: string, why: string) => void
  readonly #said: SaySeldom
  readonly #onFail: (ordinal: number) => void
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
    if (this.#registered.position.epoch === 0) this.#registered.update({ epoch, seq })
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
      socket,
      acks: new Map(),
      reader,
      output: this.#output(socket, reader, false),
      running: Promise.resolve(),
    }
    this.#flow = flow
    this.#run(flow, () => this.#place(reader))
  }

  /** The head is gone: the next one begins with what it may not have. */
  detach(): void {
    const flow = this.#flow
    if (!flow) return
    this.#flow = undefined
    // It notes what has surely gone through the pipe; acks know better.
    flow.output.stop()
    const position = this.#acknowledged(flow)
    if (position) this.#note(position)
    flow.socket.destroy()
    flow.reader.close()
  }

  /** The head asks for what follows a position. */
  subscribe(position: Position): void {
    const flow = this.#flow
    if (!flow) return
    flow.output.stop()
    void flow.running.then(() => {
      if (this.#flow !== flow) return
      flow.reader.close()
      flow.reader = this.#reader()
      try {
        if (position.epoch !== 0) seekBehind(flow.reader, position)
      } catch (error) {
        if (!(error instanceof SpoolError)) throw error
        return this.#refuse(flow, error.message)
      }
      this.#note(position)
      flow.socket.write(subscribedTo(position))
      flow.output = this.#output(flow.socket, flow.reader, true)
      this.#run(flow)
    })
  }

  #refuse(flow: Flow, why: string): void {
    this.#said.say('the head', `asks for what is not there: ${why}`)
    flow.socket.end(refusal(ENODATA, why))
    this.#onFail(flow.ordinal)
  }

  acked({ who, epoch, received }: Ack): void {
    const acks = this.#flow?.acks
    if (!acks || epoch === 0 || (acks.size >= copiesMax && !acks.has(who))) return
    acks.set(who, { position: { epoch, seq: received }, atMs: performance.now() })
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

  #place(reader: SpoolReader): void {
    const { position } = this.#registered
    if (position.epoch === 0) return
    try {
      seekBehind(reader, position)
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== 'ESPOOL_UNKNOWN' && code !== 'ESPOOL_AHEAD') throw error
      this.#log('the head', `begins with the oldest of the spool: ${(error as Error).message}`)
    }
  }

  #record(position: Position): void {
    const flow = this.#flow
    this.#registered.update((flow && this.#acknowledged(flow)) ?? position)
  }

  #note(position: Position): void {
    try {
      this.#registered.update(position)
    } catch {
      // No room: the older record only makes more of it come again.
    }
  }

  // What all of the head's copies have that have acknowledged anything lately.
  #acknowledged({ acks }: Flow): Position | undefined {
    let least: Position | undefined
    for (const [who, { position, atMs }] of acks) {
      if (performance.now() - atMs > ackMs) acks.delete(who)
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

// What is not there any more comes as a gap. Throws SpoolError.
function seekBehind(reader: SpoolReader, position: Position): void {
  try {
    reader.seek(afterPosition(reader.spool, position))
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESPOOL_TRIMMED') throw error
    reader.seekLost(position)
  }
}
