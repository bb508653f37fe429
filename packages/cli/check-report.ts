// What tfs-dump --check tells of a stream: its epochs, how many messages of each type, the verdict.

import { escapeName } from '#posix'
import { timeOf, timeText, typeText, type MessageReader, type WireError } from '#wire'
import type { Report } from './report-stream.js'

interface Count {
  messages: number
  bytes: number
}

interface Epoch {
  readonly epoch: number
  readonly firstTime: bigint
  /** The first number after hello's: 2, but where the reader joined later. */
  second: number
  last: number
  lastTime: bigint
  end: 'bye' | 'abort' | 'no bye'
}

export class CheckReport implements Report {
  readonly #counts = new Map<string, Count>()
  #epoch: Epoch | undefined
  // Well-formed, but not the whole: what a relay dropped, and why the source gave up.
  #missing = 0
  #aborted: string | undefined

  message(bytes: Buffer, { message }: MessageReader): string {
    if (!message) return ''
    const { name, seq, epoch } = message
    this.#count(typeText(message), bytes.length)
    if (seq === 0) return ''
    const lastTime = timeOf(bytes)
    if (name === 'hello') {
      const text = this.#epochText()
      this.#epoch = { epoch, firstTime: lastTime, second: 0, last: seq, lastTime, end: 'no bye' }
      return text
    }
    const current = this.#epoch!
    current.second ||= name === 'gap' ? message.body.from : seq
    current.last = seq
    current.lastTime = lastTime
    if (name === 'gap') this.#missing += seq - message.body.from + 1
    if (name === 'abort') this.#aborted = escapeName(message.body.reason)
    if (name === 'bye' || name === 'abort') current.end = name
    return ''
  }

  end(fault: WireError | undefined): { text: string; problem?: string } {
    const problem = fault?.message ?? this.#incomplete()
    const lines = [this.#epochText(), ...this.#table(), problem ? `bad: ${problem}\n` : 'good\n']
    return problem ? { text: lines.join(''), problem } : { text: lines.join('') }
  }

  #count(type: string, bytes: number): void {
    const count = this.#counts.get(type)
    if (count) {
      count.messages++
      count.bytes += bytes
    } else this.#counts.set(type, { messages: 1, bytes })
  }

  #incomplete(): string | undefined {
    if (this.#aborted !== undefined) return `the source gave up: ${this.#aborted}`
    return this.#missing > 0 ? `a relay dropped messages, ${this.#missing} in all` : undefined
  }

  #epochText(): string {
    if (!this.#epoch) return ''
    const { epoch, firstTime, second, last, lastTime, end } = this.#epoch
    const range = second > 2 ? `1, ${second} to ${last}` : `1 to ${last}`
    const times = `${timeText(firstTime)} to ${timeText(lastTime)}`
    return `epoch ${epoch}: messages ${range}, ${times}, ${end}\n`
  }

  #table(): string[] {
    const total: Count = { messages: 0, bytes: 0 }
    for (const { messages, bytes } of this.#counts.values()) {
      total.messages += messages
      total.bytes += bytes
    }
    const row = (type: string, ...numbers: (number | string)[]) =>
      `${type.padEnd(12)}${numbers.map((n) => String(n).padStart(16)).join('')}\n`
    return [
      row('type', 'messages', 'bytes'),
      ...[...this.#counts].map(([type, { messages, bytes }]) => row(type, messages, bytes)),
      row('total', total.messages, total.bytes),
    ]
  }
}
