// tfs-spool in a pipeline: what comes in is appended to a spool and, from there, given on at the
// pace of who reads it. The spool goes on where nobody does.

import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemError } from '#posix'
import { newest, RegisteredReader, SpoolOutput, SpoolReader } from '#spool'
import { SpoolWriter } from '#spool'
import type { Keep, Spool, SpoolWriterOptions } from '#spool'
import type { Position } from '#wire'
import type { Input } from './input.js'
import { LimitedLog, type RelayLog } from './limited-log.js'
import { readerAfter } from './reader-after.js'
import { SpoolIntake, type IntakeCounts } from './spool-intake.js'
import { SpoolTrimmer } from './spool-trimmer.js'
import { describeSpoolStream } from './spool-status.js'
import type { OnStatus, StatusReport } from './status-report.js'
import { stopDrainMs, stopped } from './stopped.js'

const secondMs = 1000

export interface SpoolStreamOptions extends SpoolWriterOptions {
  readonly input: Input
  /** Where the stream goes on to; undefined: nowhere. */
  readonly output: Writable | undefined
  /** The name under which the reader of `output` is registered. */
  readonly readerName?: string | undefined
  readonly keep: Keep | undefined
  readonly stop: AbortSignal
  readonly log: RelayLog
  readonly status?: OnStatus
}

/**
 * Runs until the input ends or `stop` is aborted. All that came whole is in the spool then, and
 * durable as its policy has it. Throws WireError for an input that is bad or has no clean end,
 * SpoolError, and SystemError.
 */
export async function spoolStream(options: SpoolStreamOptions): Promise<IntakeCounts> {
  const writer = new SpoolWriter(options)
  const log = new LimitedLog(options.log)
  let registered: RegisteredReader | undefined
  try {
    if (writer.torn !== undefined)
      options.log(writer.path, `cut off what a crash had left: ${writer.torn}`)
    registered = register(writer, options)
    return await new SpoolStream(writer, registered, options, log).run()
  } finally {
    const e = writer.close()
    registered?.close()
    log.close()
    if (e < 0) options.log(writer.path, systemError(e, 'fdatasync').message)
  }
}

function register(
  { spool, path }: SpoolWriter,
  { readerName }: SpoolStreamOptions,
): RegisteredReader | undefined {
  return readerName === undefined ? undefined : new RegisteredReader(spool.fd, path, readerName)
}

class SpoolStream {
  readonly #writer: SpoolWriter
  readonly #options: SpoolStreamOptions
  readonly #intake: SpoolIntake
  readonly #reader: SpoolReader
  readonly #output: SpoolOutput | undefined
  #isHeld = false
  #heardMs = performance.now()
  // Of who reads the output: why it gets nothing more, and whether it has lost messages.
  #gone: string | undefined
  #hasLost = false
  readonly #trimmer: SpoolTrimmer

  constructor(
    writer: SpoolWriter,
    registered: RegisteredReader | undefined,
    options: SpoolStreamOptions,
    log: LimitedLog,
  ) {
    const { output, keep } = options
    this.#trimmer = new SpoolTrimmer(writer, keep, log)
    this.#writer = writer
    this.#options = options
    this.#intake = new SpoolIntake(writer, (what, why) => log.warn('gaps', what, why))
    const onLost = (from: Position, oldest: Position) => {
      this.#hasLost = true
      log.warn('losses', 'standard output', lostText(from, oldest))
    }
    this.#reader = readerAt(writer, registered, onLost)
    const mayPass = () => !this.#intake.inDoubt
    if (output)
      this.#output = new SpoolOutput({ reader: this.#reader, output, registered, mayPass })
    options.status?.(() => this.#status())
  }

  async run(): Promise<IntakeCounts> {
    const { stop } = this.#options
    const passing = this.#pass()
    const timer = setInterval(() => this.#eachSecond(), secondMs)
    try {
      await this.#read()
      if (this.#intake.failure < 0)
        this.#options.log(this.#writer.path, `${this.#intake.pending} bytes that came are not kept`)
      this.#trimmer.trim()
      this.#output?.end()
      await Promise.race([passing, stopped(stop, stopDrainMs)])
      this.#output?.stop()
      if (!stop.aborted) this.#intake.finish()
      return this.#intake.counts
    } finally {
      clearInterval(timer)
      this.#output?.stop()
      this.#reader.close()
    }
  }

  async #pass(): Promise<void> {
    try {
      await this.#output?.run()
    } catch (error) {
      const { message } = error as Error
      this.#gone = message
      this.#options.log('standard output', `gets nothing more, the spool goes on: ${message}`)
    }
  }

  async #read(): Promise<void> {
    const { input, stop } = this.#options
    const intake = this.#intake
    const end = () => input.destroy()
    stop.addEventListener('abort', end)
    try {
      await new Promise<void>((resolve, reject) => {
        input.start({
          room: () => intake.room(),
          filled: (size) => {
            if (intake.fault) return
            this.#heardMs = performance.now()
            intake.filled(size)
            this.#appended()
            if (intake.fault) resolve()
          },
          ended: (error) => (error && !stop.aborted ? reject(error) : resolve()),
        })
        if (stop.aborted) end()
      })
      // What has come is kept, if need be when there is room for it again.
      while (intake.failure < 0 && !stop.aborted) await sleep(secondMs / 10)
    } finally {
      stop.removeEventListener('abort', end)
      input.destroy()
    }
  }

  #appended(): void {
    const { failure } = this.#intake
    const { log, input } = this.#options
    if (failure < 0 && !this.#isHeld) {
      this.#isHeld = true
      input.pause()
      log(this.#writer.path, `takes nothing, so the input waits: ${this.#failure}`)
    } else if (failure === 0 && this.#isHeld) {
      this.#isHeld = false
      input.resume()
      log(this.#writer.path, 'goes on')
    }
    this.#output?.wake()
    this.#trimmer.check()
  }

  #eachSecond(): void {
    this.#intake.retry()
    this.#appended()
  }

  #status(): StatusReport {
    return describeSpoolStream({
      writer: this.#writer,
      counts: this.#intake.counts,
      trouble: this.#isHeld ? `the spool takes nothing: ${this.#failure}` : undefined,
      silentMs: performance.now() - this.#heardMs,
      output: this.#output && {
        position: this.#reader.position,
        bytes: this.#output.bytes,
        gone: this.#gone,
        hasLost: this.#hasLost,
      },
    })
  }

  get #failure(): string {
    return systemError(this.#intake.failure, 'write', this.#writer.path).message
  }
}

// Where a registered reader was, else where the stream goes on.
function readerAt(
  { spool }: SpoolWriter,
  registered: RegisteredReader | undefined,
  onLost: NonNullable<SpoolReader['onLost']>,
): SpoolReader {
  if (registered) return registeredReader(spool, registered, onLost)
  const reader = new SpoolReader(spool, newest(spool))
  reader.onLost = onLost
  return reader
}

/** A reader where a registered one was; what it has lost comes first, as a gap. */
export function registeredReader(
  spool: Spool,
  { position }: RegisteredReader,
  onLost: NonNullable<SpoolReader['onLost']>,
): SpoolReader {
  if (position.epoch !== 0)
    return readerAfter(spool, position, onLost, ['ESPOOL_TRIMMED', 'ESPOOL_UNKNOWN'])
  const reader = new SpoolReader(spool)
  reader.onLost = onLost
  return reader
}

/** What somebody has to do who has lost messages. */
export function lostText(from: Position, oldest: Position): string {
  const begin = `${oldest.epoch}:${oldest.seq}`
  const lost = `what follows ${from.epoch}:${from.seq} was trimmed up to ${begin}`
  return `its reader has lost messages: ${lost}; bring its copy up to date with rsync`
}
