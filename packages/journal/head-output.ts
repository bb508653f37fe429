// The stream's way to heads that come and go, where no spool stands behind them: each gets the
// hello, then a gap that names what none before it has taken, then what is emitted from then on.

import { close, errno } from '#posix'
import { gapMessage } from '#spool'
import { epochOf, messageTable, refusal, seqOf, typeOf } from '#wire'
import { Output, type OutputOptions, type Sink } from './output.js'

export interface HeadOutputOptions extends Omit<OutputOptions, 'onDetach'> {
  /** The head is gone or does not drain: another one is needed. */
  readonly onGone: (ordinal: number) => void
  /** The messages `from` to `to` reach no head. */
  readonly onMissed: (from: number, to: number) => void
}

/** More messages than a pipe of a megabyte holds. */
const remembered = 1 << 16

export class HeadOutput implements Sink {
  readonly #options: HeadOutputOptions
  #output: Output | undefined
  #isOpen = true
  #hello: Buffer | undefined
  /** The last message, and the first that the head at hand gets by itself. */
  #seq = 0
  #first = 1
  // The first message that no head has taken; 0: there is none.
  #missingFrom = 0
  // Bytes written to the head at hand; where each of its messages ends in them, by its number; and
  // where the gap does that it began with.
  #written = 0
  readonly #ends = new Float64Array(remembered)
  #gap: { readonly from: number; readonly end: number } | undefined
  #toldTo = 0
  #told = 0

  constructor(options: HeadOutputOptions) {
    this.#options = options
  }

  /** Until it is closed: a head that is not there will come. */
  get isAttached(): boolean {
    return this.#isOpen
  }

  get hasHead(): boolean {
    return this.#output !== undefined
  }

  /** Messages that reached no head. */
  get missed(): number {
    const untold = this.#missingFrom > 0 ? this.#untold(this.#missingFrom) : 0
    return this.#told + untold
  }

  get untaken(): number {
    return this.#output?.untaken ?? 0
  }

  get capacity(): number {
    return this.#output?.capacity ?? Infinity
  }

  /** A head reads what is written to the pipe `fd`, which belongs to this from now on. */
  attach(fd: number, ordinal: number): void {
    this.detach()
    if (!this.#isOpen) return void close(fd)
    this.#output = new Output(fd, {
      ...this.#options,
      onDetach: () => this.#options.onGone(ordinal),
    })
    // What is left there is /dev/null.
    close(fd)
    this.#written = 0
    this.#first = this.#seq + 1
    this.#gap = undefined
    if (this.#hello) this.#put(this.#hello)
    const from = Math.max(this.#missingFrom, 2)
    const isMissing = this.#missingFrom > 0 && from <= this.#seq
    this.#missingFrom = 0
    if (!isMissing || !this.#hello) return
    this.#tell(from)
    this.#put(gapMessage(epochOf(this.#hello), from, this.#seq))
    this.#gap = { from, end: this.#written }
  }

  /** The head is gone. */
  detach(): void {
    this.#output?.detach('its head has ended')
    this.#settle()
  }

  /** The head asks for what follows a position, which nothing has. */
  refuse(): void {
    this.#put(refusal(errno.ENODATA, 'nothing is kept here that could be sent again'))
    this.#output?.detach('it asked for what is not kept')
    this.#settle()
  }

  write(buffer: Buffer, size: number): void {
    this.#seq = seqOf(buffer)
    if (typeOf(buffer) === messageTable.hello.type)
      this.#hello = Buffer.from(buffer.subarray(0, size))
    if (!this.#output) {
      this.#missingFrom ||= this.#seq
      return
    }
    this.#ends[this.#seq % remembered] = this.#written + size
    this.#put(buffer, size)
  }

  cork(): void {
    this.#output?.cork()
  }

  uncork(): void {
    this.#output?.uncork()
    this.#settle()
  }

  checkReader(): void {
    this.#output?.checkReader()
    this.#settle()
  }

  close(): void {
    this.#isOpen = false
    this.#output?.close()
    this.#output = undefined
    if (this.#missingFrom > 0) this.#tell(this.#missingFrom)
  }

  #put(buffer: Buffer, size = buffer.length): void {
    this.#written += this.#output?.write(buffer, size) ?? 0
    this.#settle()
  }

  // Where the head at hand is gone: finds out what it has not taken.
  #settle(): void {
    const output = this.#output
    if (!output || output.isAttached) return
    this.#output = undefined
    const taken = this.#written - output.leftBytes
    if (this.#gap && this.#gap.end > taken) {
      this.#missingFrom = this.#gap.from
      return
    }
    let from = this.#seq + 1
    while (from > this.#first && this.#ends[(from - 1) % remembered]! > taken) from--
    if (from <= this.#seq) this.#missingFrom = from
  }

  #tell(from: number): void {
    const to = this.#seq
    this.#told += this.#untold(from)
    this.#toldTo = Math.max(this.#toldTo, to)
    this.#options.onMissed(from, to)
  }

  // Of the messages from `from` on, those that have not been counted.
  #untold(from: number): number {
    return Math.max(0, this.#seq - Math.max(from - 1, this.#toldTo))
  }
}
