// The loop of a replay: reads pieces, applies what they hold in turns that leave room for signals,
// and looks after what happens by the clock.

import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { Replay } from './replay.js'

export interface RunOptions {
  readonly source: Readable
  readonly replay: Replay
  /** Gets each message; `flush` after each turn, which may wait. */
  readonly forward?: Output | undefined
  readonly signal?: AbortSignal | undefined
  /** After each turn; `isSettled` where all that has come in is applied. */
  readonly afterTurn: (isSettled: boolean) => void
  /** How soon `afterTurn` is wanted: not at all, soon, or before another message is applied. */
  readonly hurry?: (() => 0 | 1 | 2) | undefined
  /** Each second, also while nothing comes in. */
  readonly everySecond: () => void
}

export interface Output {
  add(message: Buffer): void
  /** Passes on what was added, without waiting. */
  hand(): void
  flush(): Promise<void>
}

// How long messages are applied in a row before signals and timers get their turn.
const turnMs = 20
// The same while somebody waits for what another thread does.
const shortTurnMs = 1

/**
 * Replays until the stream ends, the user's end is reached, or `signal` aborts: false in that last
 * case. Throws what went wrong.
 */
export async function run(options: RunOptions): Promise<boolean> {
  const { source, replay, signal } = options
  let failure: unknown
  const stop = () => void source.destroy()
  const timer = setInterval(() => {
    try {
      options.everySecond()
    } catch (error) {
      failure ??= error
      stop()
    }
  }, 1000)
  signal?.addEventListener('abort', stop)
  try {
    for await (const piece of source) {
      replay.push(piece as Buffer)
      while ((await turn(options)) && !signal?.aborted && !failure) await setImmediate()
      if (replay.isDone || signal?.aborted || failure) break
    }
    if (failure) throw failure
    if (replay.isDone) return true
    if (signal?.aborted) return false
    replay.end()
    return true
  } catch (error) {
    if (failure) throw failure
    // Our own end of reading, as the stream tells of it.
    if (signal?.aborted && isPremature(error)) return false
    throw error
  } finally {
    clearInterval(timer)
    signal?.removeEventListener('abort', stop)
  }
}

const isPremature = (error: unknown) =>
  (error as { code?: string }).code === 'ERR_STREAM_PREMATURE_CLOSE'

// Whether messages are left that could be applied.
async function turn({ replay, forward, afterTurn, hurry }: RunOptions): Promise<boolean> {
  const until = performance.now() + (hurry?.() ? shortTurnMs : turnMs)
  let isSettled = false
  try {
    do {
      const bytes = replay.step()
      isSettled = bytes === undefined
      if (bytes?.length) forward?.add(bytes)
    } while (!isSettled && hurry?.() !== 2 && performance.now() < until)
  } catch (error) {
    // What was applied before goes on all the same, if it can; a reader that takes nothing does not
    // keep anybody from hearing of the error.
    forward?.hand()
    throw error
  }
  await forward?.flush()
  afterTurn(isSettled)
  return !isSettled
}
