// The segments of a spool listed while another thread makes them, and removes the oldest, faster
// than any writer does.

import { closeSync, openSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { Spool, segmentName } from '#spool'
import { openWriter } from '../support/spool-files.js'
import { tempDirectory } from '../support/temp-directory.js'

const segments = 12_000
/** So many are left where they are trimmed. */
const kept = 3000

interface Work {
  readonly path: string
  readonly trims: boolean
}

function work({ path, trims }: Work): void {
  const file = (ordinal: number) => join(path, segmentName({ ordinal, epoch: 7, seq: ordinal }))
  for (let ordinal = 1; ordinal <= segments; ordinal++) {
    closeSync(openSync(file(ordinal), 'w', 0o600))
    if (trims && ordinal > kept) unlinkSync(file(ordinal - kept))
  }
}

async function look(t: Test, trims: boolean): Promise<void> {
  const path = join(tempDirectory(t).path, 'spool')
  openWriter(path).close()
  const data: Work = { path, trims }
  const worker = new Worker(new URL(import.meta.url), { workerData: data })
  let isAlive = true
  const ended = new Promise<void>((resolve, reject) =>
    worker.on('error', reject).on('exit', () => {
      isAlive = false
      resolve()
    }),
  )
  const spool = new Spool(path)
  let looks = 0
  let least = 0
  let holes = 0
  for (; isAlive; looks++) {
    const found = spool.segments(looks % 2 ? Infinity : 0)
    const first = found[0]?.ordinal ?? 1
    if (found.some(({ ordinal }, i) => ordinal !== first + i)) holes++
    if (found.length > 0 && found.at(-1)!.ordinal < least) t.fail('it ends before it did')
    least = found.at(-1)?.ordinal ?? least
    if (!trims && first !== 1) t.fail('the first is not there')
    await setImmediate()
  }
  await ended
  t.equal(holes, 0, `none in ${looks} looks`)
  t.equal(spool.segments().at(-1)?.ordinal, segments)
  spool.close()
}

if (isMainThread) {
  void t.test('what is made meanwhile leaves no hole', (t) => look(t, false))
  void t.test('nor does what is trimmed', (t) => look(t, true))
} else work(workerData as Work)
