// Counts, from outside, how often a mirror has applied each message, over all of its runs. Three
// witnesses have to agree:
// - Its standard output with --tee: each message, once it is applied. One that comes again, in the
//   same run or in a later one, was applied twice, or at least came twice.
// - Its record of where it is, read when the process is dead, before the next one starts. What
//   was passed on and lies behind that position would be applied again; and between the records
//   of two deaths it must have counted as many messages as it has advanced.
// - Its tree at that moment: where the message behind the position, or the one behind that, would
//   have left a name, or taken one away. The first is the one in doubt after kill -9, which may be
//   done and not noted; the next run does that over again by a rule that knows it as done. That
//   is counted apart. The second must never be done.

import { lstatSync } from 'node:fs'
import { decodeMessage, Framer, seqOf, typeOf, messageTable, type Message } from '#wire'
import { mirrorPosition } from '../mirror-position.js'
import { StreamRecord } from './stream-record.js'

/** The source's messages behind a position. */
export interface Source {
  behind(position: { epoch: number; seq: number }, count: number): Buffer[]
}

export class AppliedOnce {
  /** All that was passed on as applied. */
  readonly record = new StreamRecord()
  /** Messages passed on, by all runs. */
  messages = 0
  runs = 0
  /** What is not as it should be, in words. */
  readonly faults: string[] = []
  /** Of the deaths by kill -9: what had become of the message behind the position. */
  readonly inDoubt = { done: 0, notDone: 0, notKnown: 0, none: 0 }
  readonly #root: string
  readonly #source: Source
  #framer = new Framer()
  #before = { epoch: 0, seq: 0, messages: 0 }
  // The number that the next message has to have; 0: any.
  #next = 0
  // Of all runs.
  #first = 0

  constructor(root: string, source: Source) {
    this.#root = root
    this.#source = source
  }

  /** A run begins. */
  begin(): void {
    this.runs++
    this.#framer = new Framer()
    this.#before = positionOf(this.#root)
    this.#next = this.#before.epoch === 0 ? 0 : this.#before.seq + 1
  }

  /** The next bytes that it has passed on. */
  take(piece: Buffer): void {
    this.#framer.push(piece)
    for (let message = this.#framer.next(); message; message = this.#framer.next())
      this.#see(message)
  }

  /** The run is over, all its output is taken. */
  end(): void {
    const [before, after] = [this.#before, positionOf(this.#root)]
    if (after.epoch === 0) return
    const { seq } = this.record
    if (after.seq < seq) this.#fault(`is at ${after.seq}, though it has applied ${seq}`)
    const counted = after.messages - before.messages
    // One that joins has nothing before the first message that it gets.
    const from = before.epoch === 0 ? this.#first - 1 : before.seq
    if (counted !== after.seq - from)
      this.#fault(`has applied ${counted} messages from ${from} to ${after.seq}`)
    this.#lookBehind(after)
  }

  #see(message: Buffer): void {
    const seq = seqOf(message)
    // Each run begins with the hello, so that who reads on can.
    if (typeOf(message) === messageTable.hello.type) return
    if (this.#first === 0) this.#first = seq
    const wanted = this.#next || seq
    if (seq < wanted) this.#fault(`message ${seq} is applied again`)
    if (seq > wanted) this.#fault(`messages ${wanted} to ${seq - 1} are left out`)
    if (seq <= this.record.seq) this.#fault(`message ${seq} was passed on before`)
    else this.record.add(message)
    this.messages++
    this.#next = seq + 1
  }

  #lookBehind(position: { epoch: number; seq: number }): void {
    const [first, second] = this.#source.behind(position, 2).map((bytes) => decodeMessage(bytes))
    if (!first) return void this.inDoubt.none++
    const isDone = this.#isDone(first)
    if (isDone === undefined) this.inDoubt.notKnown++
    else if (isDone) this.inDoubt.done++
    else this.inDoubt.notDone++
    if (second && !touches(first, second) && this.#isDone(second))
      this.#fault(`message ${second.seq} is applied, the position is ${position.seq}`)
  }

  /** Whether a change of names is there; undefined where that cannot be seen. */
  #isDone(message: Message): boolean | undefined {
    switch (message.name) {
      case 'create':
      case 'mkdir':
      case 'mknod':
      case 'symlink':
        return this.#isThere(message.body.path)
      case 'link':
        return this.#isThere(message.body.newPath)
      case 'unlink':
      case 'rmdir':
        return not(this.#isThere(message.body.path))
      case 'rename':
        return message.body.flags === 0 ? not(this.#isThere(message.body.path)) : undefined
      default:
        return undefined
    }
  }

  #isThere(path: Buffer): boolean | undefined {
    try {
      lstatSync(Buffer.concat([Buffer.from(`${this.#root}/`), path]))
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? false : undefined
    }
  }

  #fault(what: string): void {
    this.faults.push(`run ${this.runs}: ${what}`)
  }
}

function positionOf(root: string): { epoch: number; seq: number; messages: number } {
  try {
    return mirrorPosition(root)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return { epoch: 0, seq: 0, messages: 0 }
  }
}

const not = (isSo: boolean | undefined) => (isSo === undefined ? undefined : !isSo)

/** Whether one of them changes what is at a path of the other, or above it. */
function touches(a: Message, b: Message): boolean {
  const related = (x: string, y: string) => x === y || y.startsWith(`${x}/`)
  return pathsOf(a).some((x) => pathsOf(b).some((y) => related(x, y) || related(y, x)))
}

function pathsOf({ body }: Message): string[] {
  const { path, newPath } = body as { path?: Buffer; newPath?: Buffer }
  return [path, newPath].flatMap((bytes) => (bytes ? [bytes.toString('latin1')] : []))
}
