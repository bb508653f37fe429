// A real peer: PostgreSQL makes its cluster on the mount, works under load, dies of kill -9 and
// recovers; and what the mirror had at that moment recovers to the same.

import { join } from 'node:path'
import t from 'tap'
import { withMirroredMount } from '../support/mirrored-mount.js'
import { transactionsIn } from '../support/pgbench.js'
import { Postgres } from '../support/postgres.js'
import { shell } from '../support/shell.js'

const isLong = process.env['TFS_LONG'] !== undefined
const scale = isLong ? 10 : 1
const loadSec = isLong ? 60 : 4

t.setTimeout(900_000)
await t.test('postgres', (t) =>
  withMirroredMount(t, {}, async (m) => {
    const data = join(m.mount, 'pg')
    await shell('install -d -o postgres -g postgres -m 700 "$1"', [data])
    const postgres = new Postgres(data, m.dir)
    const copy = join(m.dir, 'copy')
    try {
      await postgres.initialise()
      await postgres.start()
      await postgres.client(`pgbench -q -i -s ${scale} 2>&1`)
      await m.settle()
      const load = 'pgbench -n -c 4 -j 2 -P 1'
      const said = await postgres.client(`${load} -T ${loadSec} 2>&1`)
      const before = Number(/actually processed: (\d+)/.exec(said)?.[1])
      // What the next load is told of before it dies is what must be there afterwards.
      const dying = postgres.client(`${load} -l --log-prefix=done -T 600 2>&1 || true`)
      await new Promise((resolve) => setTimeout(resolve, loadSec * 1000))
      await postgres.kill()
      await dying
      await m.settle()
      t.equal(await m.compare(), '', 'after kill -9 the mirror is the store')
      await shell('cp -a "$1" "$2"', [join(m.mirror, 'pg'), copy])

      await postgres.start()
      const recovered = await transactionsIn(t, postgres, 'recovered')
      const acknowledged = await shell('cat "$1"/done* | wc -l', [postgres.work])
      const total = before + Number(acknowledged)
      t.ok(recovered >= total && Number(acknowledged) > 0, `${recovered} of ${total} at least`)
      await postgres.client(`${load} -t 100 2>&1`)
      t.equal(await transactionsIn(t, postgres, 'after more'), recovered + 400)
      await postgres.stop()
      await m.settle()
      t.equal(await m.compare(), '', 'after recovery and a clean end the mirror is the store')

      const other = new Postgres(copy, m.dir)
      try {
        await other.start()
        t.equal(await transactionsIn(t, other, "the mirror's copy"), recovered)
      } finally {
        await other.kill()
      }
    } finally {
      await postgres.kill()
    }
  }),
)
