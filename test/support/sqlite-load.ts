// Transactions for the sqlite3 command line tool, and the question whether a database holds a
// prefix of them: transaction n inserts rows n, updates a counter to n, and now and then more.

export interface SqliteLoad {
  readonly mode: 'delete' | 'truncate' | 'persist' | 'wal'
  readonly synchronous: 'off' | 'normal' | 'full'
  /** Number of transactions. */
  readonly count: number
  /** A directory in which `done-n` is made when transaction n has been committed. */
  readonly done?: string
}

/** The script. */
export function transactions({ mode, synchronous, count, done }: SqliteLoad): string {
  const lines = [
    `pragma journal_mode=${mode};`,
    `pragma synchronous=${synchronous};`,
    'create table if not exists item (id integer primary key, name text unique, body text);',
    'create table if not exists counter (id integer primary key, value integer);',
    'insert into counter values (1, 0);',
  ]
  for (let n = 1; n <= count; n++) {
    lines.push('begin;')
    // Of several pages now and then, and a page moves where an earlier body grows or goes.
    const size = n % 10 === 0 ? 9000 : 60 + (n % 7) * 100
    const body = (id: number, length: number) => `printf('%.*c', ${length}, char(97 + ${id} % 26))`
    lines.push(
      `insert into item values (${n}, 'name ${(n * 7919) % 1_000_003}', ${body(n, size)});`,
    )
    if (n % 4 === 0)
      lines.push(`update item set body = ${body(n / 2, size * 3)} where id = ${n / 2};`)
    lines.push(`update counter set value = ${n};`, 'commit;')
    if (done !== undefined) lines.push(`.output ${done}/done-${n}`, '.output')
  }
  return `${lines.join('\n')}\n`
}

/**
 * Prints `ok`, then rows, highest row and counter, which are equal after whole transactions, and
 * the number of rows with a wrong body.
 */
export const checkScript =
  'pragma integrity_check;' +
  'select count(*), coalesce(max(id), 0), coalesce((select value from counter), 0),' +
  " count(iif(trim(body, char(97 + id % 26)) = '', null, 1)) from item"
