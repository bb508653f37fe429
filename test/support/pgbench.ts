// What pgbench leaves in a database, looked at from outside.

import type { Test } from 'tap'
import type { Postgres } from './postgres.js'

/** Each of pgbench's transactions adds the same amount to three tables and notes it in a fourth. */
const sums = `
  select count(distinct total) = 1, max(count) from (
    select sum(abalance) as total, 0 as count from pgbench_accounts union all
    select sum(bbalance), 0 from pgbench_branches union all
    select sum(tbalance), 0 from pgbench_tellers union all
    select coalesce(sum(delta), 0), count(*) from pgbench_history) as totals`

/** The number of transactions that the database holds, all of them whole. */
export async function transactionsIn(t: Test, postgres: Postgres, where: string): Promise<number> {
  const [areEqual, count] = (await postgres.query(sums)).trim().split('|')
  t.equal(areEqual, 't', `${where}: the sums of all tables agree`)
  const check = 'pg_amcheck --install-missing --heapallindexed --all'
  t.equal(await postgres.client(check), '', `${where}: pg_amcheck finds nothing`)
  return Number(count)
}
