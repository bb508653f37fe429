// tfs-cat behind its command line: a stream down, requests up.

import type { Writable } from 'node:stream'
import { isatty } from 'node:tty'
import type { InferredOptionTypes } from 'yargs'
import { decodeMessage, Framer, WireError, type Position } from '#wire'
import { stopDrainMs, stopped, type ResumedStream } from '#relay'
import type { catOptions } from './cat-options.js'
import { openLive } from './live-source.js'
import type { Log } from './log.js'
import { positionOf } from './position.js'
import type { End } from './program.js'
import { pumped } from './pumped.js'
import { openStreamOutput, outputGone } from './stdio.js'
import { stopSignals } from './stop-signals.js'
import { passingReport, tellStatus } from './tell-status.js'
import { watchOutput } from './watch-output.js'
import { UsageError } from './usage-error.js'

type Typed = InferredOptionTypes<typeof catOptions>

export async function runCat([source = '-']: string[], typed: Typed, log: Log): Promise<End> {
  if (source === '-') throw new UsageError('standard input is for requests; give a SOURCE')
  const onRequest = typed['on-request'] === true
  if (onRequest && (isatty(0) || typed.from !== undefined))
    throw new UsageError('--on-request: positions come on standard input alone')
  const output = openStreamOutput()
  const stop = stopSignals()
  const requests = new Requests(log)
  try {
    // What it would send before is not wanted, and may be much.
    if (onRequest && !(await requests.hasAsked(stop.signal)))
      return { exitCode: 0, signal: stop.received() }
    const position = typed.from === undefined ? undefined : parsePosition(typed.from)
    const live = await openLive(source, {
      rsh: typed.rsh,
      tfsPath: typed['tfs-path'],
      position,
      stay: true,
      passesRefusals: true,
      // The oldest that there is may well come behind what there is not.
      refusesLoss: position !== undefined && position.epoch !== 0,
      signal: stop.signal,
      log,
    })
    if (!isatty(0)) requests.passTo(live)
    // Otherwise one on another host would outlive who started it, where its source is silent.
    const watch = watchOutput(() => output.destroy(outputGone()))
    const untold = tellStatus(log, () => reportOf(live, output))
    const passed = pumped(live.stream, output)
    // Its reader may take nothing, or not soon.
    await Promise.race([passed, stopped(stop.signal, stopDrainMs)]).finally(() => {
      untold()
      watch.close()
    })
    return { exitCode: 0, signal: stop.received() }
  } finally {
    process.stdin.destroy()
    stop.remove()
  }
}

function reportOf(live: ResumedStream, output: Writable) {
  const { position, isEnded, isConnected, connections, silentMs, stream } = live
  const waitingBytes = stream.readableLength + output.writableLength
  const isHeld = output.writableNeedDrain
  return passingReport({
    position,
    isEnded,
    isConnected,
    connections,
    silentMs,
    waitingBytes,
    isHeld,
  })
}

/** Reads EPOCH:SEQ, or "oldest". Throws UsageError. */
function parsePosition(text: string): Position {
  if (text === 'oldest') return { epoch: 0, seq: 0 }
  const position = positionOf(text)
  if (position && position.epoch < 2 ** 32 && position.seq <= Number.MAX_SAFE_INTEGER)
    return position
  throw new UsageError(`--from: '${text}' is no position; write EPOCH:SEQ, or oldest`)
}

// What cannot be sent on just now is left out: who asks for something sees that it does not come,
// and what is acknowledged will be acknowledged again.
class Requests {
  readonly #log: Log
  readonly #framer = new Framer()
  #live: ResumedStream | undefined
  #asked: Position | undefined
  #wake = () => {}

  constructor(log: Log) {
    this.#log = log
  }

  /** Waits until a position is asked for; false where none will be. */
  async hasAsked(signal: AbortSignal): Promise<boolean> {
    this.#start()
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    return this.#asked !== undefined
  }

  passTo(live: ResumedStream): void {
    this.#live = live
    if (this.#asked) live.subscribe(this.#asked)
    else this.#start()
  }

  #start(): void {
    const input = process.stdin
    input.on('error', () => undefined)
    input.on('close', () => this.#wake())
    input.on('data', (piece: Buffer) => {
      try {
        this.#framer.push(piece)
        for (let one = this.#framer.next(); one; one = this.#framer.next()) this.#take(one)
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        this.#log('standard input', `is not read any more: ${error.message}`)
        input.destroy()
      }
    })
  }

  #take(message: Buffer): void {
    const request = decodeMessage(message)
    if (request?.name !== 'subscribe') return void this.#live?.send(message)
    this.#asked = request.body
    this.#live?.subscribe(request.body)
    this.#wake()
  }
}
