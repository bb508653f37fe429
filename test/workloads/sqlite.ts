// Exact: SQLite under 5,000 transactions in each journal mode, read by other processes meanwhile.

import { join } from 'node:path'
import t from 'tap'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { shell } from '../support/shell.js'
import { checkScript, transactions } from '../support/sqlite-load.js'

const count = process.env['TFS_LONG'] ? 5000 : 1000
const modes = ['delete', 'truncate', 'persist', 'wal'] as const

t.setTimeout(900_000)
await t.test('sqlite', (t) =>
  withMirroredMount(t, {}, async (m) => {
    for (const mode of modes) {
      const database = join(m.mount, `${mode}.db`)
      // Durability costs the disk's time, which the long run pays.
      const synchronous = process.env['TFS_LONG'] ? 'full' : 'off'
      const load = transactions({ mode, synchronous, count })
      // A reader beside the writer goes by locks and, in wal mode, by shared memory.
      const script = `
        touch "$1.going"
        { while [ -e "$1.going" ]; do
            sleep 0.2; sqlite3 -cmd '.timeout 20000' "$1" "$2" || echo "the reader failed"
          done; } >"$3" 2>&1 &
        sqlite3 -bail -cmd '.timeout 20000' "$1" || { rm "$1.going"; wait; exit 1; }
        rm "$1.going"; wait`
      const output = join(m.dir, `${mode}.out`)
      const reading = 'select count(*) from sqlite_master; pragma quick_check'
      await shell(script, [database, reading, output], { timeoutMs: 300_000, input: load })
      const seen = await shell('sort "$1" | uniq -c | sort -rn', [output])
      t.notMatch(seen, /failed|rror|malformed/, `${mode}: what the readers saw: ${seen.trim()}`)
      const wanted = `ok\n${count}|${count}|${count}|0\n`
      const found = await shell('sqlite3 "$1" "$2"', [database, checkScript])
      t.equal(found, wanted, `${mode}: all transactions are there`)
      await m.settle()
      t.equal(await m.compare(), '', `${mode}: the mirror is the store`)
      const copied = await shell('sqlite3 "$1" "$2"', [join(m.mirror, `${mode}.db`), checkScript])
      t.equal(copied, wanted, `${mode}: and its database is whole`)
    }
  }),
)
