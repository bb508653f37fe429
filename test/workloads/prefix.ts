// Prefix: a database that was recorded under transactions is whole at every message of the stream,
// and holds exactly the transactions that had been committed there.

import { readdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { decodeMessage, Framer, sealChecksum } from '#wire'
import { random } from '../support/random.js'
import { recordStream } from '../support/record-stream.js'
import { replayCut } from '../support/replay-cut.js'
import { seed } from '../support/seed.js'
import { shell } from '../support/shell.js'
import { checkScript, transactions } from '../support/sqlite-load.js'
import { tempDirectory } from '../support/temp-directory.js'

const isLong = process.env['TFS_LONG'] !== undefined
const count = isLong ? 500 : 100
const cutsEach = isLong ? 200 : 40
const program = join(import.meta.dirname, '../../bin/tfs-mirror.js')

const { path: dir } = tempDirectory(t)

/** What is wrong with the database of a cut ('' if nothing), and how far it is. */
interface Found {
  readonly fault: string
  readonly committed: number
}

async function examine(copy: string): Promise<Found> {
  const done = readdirSync(copy).includes('done') ? readdirSync(join(copy, 'done')) : []
  // Made after their commits, one after the other.
  const acknowledged = done.length
  const said = await shell('sqlite3 "$1" "$2" 2>&1 || true', [join(copy, 'test.db'), checkScript])
  // Before the first commits there are no tables.
  const isYoung = acknowledged === 0 && /no such table/.test(said) && /^ok$/m.test(said)
  const [, rows, highest, counter] = /^ok\n(\d+)\|(\d+)\|(\d+)\|0\n$/.exec(said) ?? []
  const committed = isYoung ? 0 : Number(rows)
  if (!isYoung && (rows === undefined || rows !== highest || rows !== counter))
    return { fault: said, committed: -1 }
  // Of the next transaction the commit may be done and its file not yet made.
  if (committed !== acknowledged && committed !== acknowledged + 1)
    return { fault: `${committed} committed, ${acknowledged} acknowledged`, committed }
  return { fault: '', committed }
}

/** Replays the first `size` messages and looks at what came of them. */
async function foundAt(messages: readonly Buffer[], size: number): Promise<Found> {
  const copy = join(dir, 'cut')
  try {
    await replayCut(messages.slice(0, size), copy)
    return await examine(copy)
  } catch (error) {
    return { fault: String(error), committed: -1 }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function messagesOf(stream: Buffer): Buffer[] {
  const framer = new Framer()
  framer.push(stream)
  return [
    ...(function* () {
      for (let message = framer.next(); message; message = framer.next()) yield message
    })(),
  ]
}

/** The stream as it would be had message `left` never been sent. */
function without(messages: readonly Buffer[], left: number): Buffer[] {
  const later = messages.slice(left + 1).map((message) => {
    const copy = Buffer.from(message)
    copy.writeBigUInt64LE(copy.readBigUInt64LE(8) - 1n, 8)
    sealChecksum(copy)
    return copy
  })
  return [...messages.slice(0, left), ...later]
}

t.setTimeout(900_000)
for (const mode of ['wal', 'delete'] as const) {
  await t.test(mode, async (t) => {
    const load = transactions({ mode, synchronous: 'full', count, done: 'done' })
    const stream = join(dir, `${mode}.stream`)
    await recordStream({ dir, stream, command: 'mkdir done; sqlite3 -bail test.db', input: load })
    const messages = messagesOf(await readFile(stream))
    const number = random(seed)
    const sizes = Array.from({ length: cutsEach }, () => 1 + number.next(messages.length))
    sizes.sort((a, b) => a - b)
    t.comment(`${messages.length} messages, ${cutsEach} cuts, TFS_SEED=${seed}`)

    const found: Found[] = []
    for (const size of sizes) found.push(await foundAt(messages, size))
    const faults = found.flatMap(({ fault }, i) => (fault ? [`${sizes[i]}: ${fault}`] : []))
    t.strictSame(faults, [], 'each cut opens, is whole, and holds what was committed by then')
    const committed = found.map((at) => at.committed)
    t.strictSame(
      committed,
      committed.toSorted((a, b) => a - b),
      'what is committed only grows',
    )
    t.ok(
      new Set(committed).size > Math.min(count, cutsEach) / 4,
      'the cuts are all over the stream',
    )
    t.strictSame(await foundAt(messages, messages.length), { fault: '', committed: count }, 'all')

    await t.test('by the program', async (t) => {
      for (const at of [0.1, 0.5, 0.9].map((part) => part * cutsEach)) {
        const size = sizes[at]!
        const copy = join(dir, 'by-program')
        const input = join(dir, 'cut.stream')
        await shell('head -c "$1" "$2" > "$3"; mkdir "$4"', [
          String(messages.slice(0, size).reduce((sum, { length }) => sum + length, 0)),
          stream,
          input,
          copy,
        ])
        const replay = 'code=0; "$1" "$2" "$3" "$4" 2>&1 || code=$?; echo "exit $code"'
        const said = await shell(replay, [process.execPath, program, input, copy])
        t.match(said, /without a bye.*\nexit 2\n$/s, 'it says that the stream is cut')
        t.strictSame(await examine(copy), found[at], 'and makes the same of it')
        rmSync(copy, { recursive: true })
      }
    })

    await t.test('a write left out is noticed', async (t) => {
      // New parts of the file that holds what is committed: old ones may be rewritten as they were.
      const file = mode === 'wal' ? 'test.db-wal' : 'test.db'
      let end = 0
      const writes = [...messages.keys()].filter((i) => {
        const message = decodeMessage(messages[i]!)
        if (message?.name !== 'write' || message.body.path.toString() !== file) return false
        if (message.body.offset < end) return false
        end = message.body.offset + message.body.data.length
        return true
      })
      for (const part of [0.3, 0.5, 0.7]) {
        const left = writes[Math.floor(writes.length * part)]!
        const numbered = without(messages, left)
        const noticed = []
        for (let size = left; size < left + 60 && noticed.length === 0; size++)
          if ((await foundAt(numbered, size)).fault) noticed.push(size)
        t.ok(noticed.length > 0, `message ${left} is missed at message ${noticed[0]}`)
      }
      const left = writes[0]!
      const gap = messages.toSpliced(left, 1)
      t.match((await foundAt(gap, gap.length)).fault, /missing/, 'by its number anyway')
    })
  })
}
