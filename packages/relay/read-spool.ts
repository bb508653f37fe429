// A spool read without writing it: to its end, or on and on as it grows.

import type { Writable } from 'node:stream'
import { RegisteredReader, Spool, SpoolOutput, SpoolReader, watchSpool, type Place } from '#spool'
import { messageTable, WireError, type Position } from '#wire'
import { LimitedLog, type RelayLog } from './limited-log.js'
import { stopDrainMs, stopped } from './stopped.js'
import { describeSpoolReader } from './spool-status.js'
import { lostText, registeredReader } from './spool-stream.js'
import type { OnStatus } from './status-report.js'

export interface ReadSpoolOptions {
  readonly path: string
  /** Where to begin; all there is, if left out. Undefined in an empty spool. */
  readonly from?: ((spool: Spool) => Place | undefined) | undefined
  /** Goes on as the spool grows. */
  readonly follow: boolean
  readonly readerName?: string | undefined
  readonly output: Writable
  readonly stop: AbortSignal
  readonly log: RelayLog
  readonly status?: OnStatus
}

/**
 * Reads until `stop` is aborted, or, where it does not follow, to the end. Throws SpoolError, the
 * output's errors, and WireError where the end is not one: no bye, a message that is not whole,
 * messages that were lost.
 */
export async function readSpool(options: ReadSpoolOptions): Promise<void> {
  const { path, readerName, output, stop, follow } = options
  const log = new LimitedLog(options.log)
  const spool = new Spool(path)
  let registered: RegisteredReader | undefined
  let reader: SpoolReader | undefined
  try {
    if (readerName !== undefined) registered = new RegisteredReader(spool.fd, path, readerName)
    let lost: string | undefined
    const onLost = (from: Position, oldest: Position) =>
      log.warn('losses', path, (lost = lostText(from, oldest)))
    const opened =
      registered && registered.position.epoch !== 0
        ? registeredReader(spool, registered, onLost)
        : new SpoolReader(spool, options.from?.(spool))
    opened.onLost = onLost
    reader = opened
    const idle = (isTick: boolean) => void (isTick && opened.pending())
    const out = new SpoolOutput({ reader: opened, output, registered, idle })
    options.status?.(() => {
      const { bytes } = out
      const hasLost = lost !== undefined
      return describeSpoolReader(spool, { position: opened.position, bytes, hasLost })
    })
    stop.addEventListener('abort', () => out.stop())
    if (stop.aborted) out.stop()
    if (!follow) out.end()
    const watch = follow ? watchSpool(spool, (isTick) => out.wake(isTick)) : undefined
    try {
      await Promise.race([out.run(), stopped(stop, stopDrainMs)])
    } finally {
      watch?.close()
    }
    const isEnded = out.bytes === 0 && spool.newest().ended
    if (!stop.aborted && !isEnded) checkEnd(opened.pending(), out.lastType)
    if (lost !== undefined) throw new WireError('EWIRE_GAP', lost)
  } finally {
    reader?.close()
    registered?.close()
    spool.close()
    log.close()
  }
}

function checkEnd(pending: number, lastType: number): void {
  const fail = (reason: string) => new WireError('EWIRE_TRUNCATED', reason)
  if (pending > 0) throw fail(`ends ${pending} bytes into a message`)
  if (lastType === messageTable.abort.type) throw fail('ends with abort: the source gave up')
  if (lastType !== messageTable.bye.type) throw fail('ends here without a bye: more may come')
}
