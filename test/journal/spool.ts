// A journal with a spool of its own: whatever is killed, what a call has changed is there.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Spool } from '#spool'
import { statedIn } from '../support/stated.js'
import { isMounted, until } from '../support/journal-place.js'
import { seeded } from '../support/seed.js'
import { shell } from '../support/shell.js'
import { tempDirectory } from '../support/temp-directory.js'

const isLong = process.env['TFS_LONG'] !== undefined
const kills = isLong ? 50 : 6
const timeout = 60_000
const bin = (name: string) => join(import.meta.dirname, '../../bin', `${name}.js`)
t.setTimeout(isLong ? 1_800_000 : 300_000)

class Place {
  readonly store: string
  readonly mount: string
  readonly copy: string
  readonly spool: string
  /** What the journal has said. */
  said = ''
  journal: ChildProcess | undefined
  // How far the copy is.
  #from = 'oldest'

  constructor(t: Test) {
    const { path } = tempDirectory(t)
    this.store = join(path, 'store')
    this.mount = join(path, 'mount')
    this.copy = join(path, 'copy')
    this.spool = join(path, 'spool')
    for (const directory of [this.store, this.mount]) mkdirSync(directory)
    t.teardown(() => {
      this.journal?.kill('SIGKILL')
      spawnSync('umount', ['-l', this.mount], { timeout, stdio: 'ignore' })
    })
  }

  /** Starts a journal, and waits until it shows the store. */
  async start(...args: string[]): Promise<void> {
    this.said = ''
    const command = [bin('tfs-journal'), '-v', '--spool', this.spool, ...args]
    const journal = spawn(process.execPath, [...command, this.store, this.mount], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.journal = journal
    journal.stderr.setEncoding('utf8').on('data', (text: string) => (this.said += text))
    await until('mounted', () => {
      if (journal.exitCode !== null) throw new Error(`it ended: ${this.said}`)
      return this.said.includes('journalled from now on')
    })
  }

  /** Ends it, and waits for that. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { journal } = this
    if (!journal || journal.exitCode !== null || journal.signalCode !== null) return
    const gone = new Promise((resolve) => journal.on('exit', resolve))
    journal.kill(signal)
    await gone
  }

  /** What a replay of the spool lacks of the store, as rsync's lines. */
  differences(): string[] {
    const replay = '"$1" "$2" --from "$3" "$4" | "$1" "$5" - "$6"'
    const from = [bin('tfs-spool'), this.#from, this.spool]
    const words = [process.execPath, ...from, bin('tfs-mirror'), this.copy]
    const { stderr } = spawnSync('sh', ['-c', replay, 'sh', ...words], {
      timeout,
      encoding: 'utf8',
    })
    const spool = new Spool(this.spool)
    const { epoch, seq } = spool.newest()
    spool.close()
    this.#from = `${epoch}:${seq}`
    const compare = ['-aHAXn', '--delete', '--itemize-changes', '--exclude=/.tfs']
    const found = spawnSync('rsync', [...compare, `${this.store}/`, `${this.copy}/`], {
      timeout,
      encoding: 'utf8',
    })
    const said = stderr.split('\n').filter((line) => /message \d/.test(line))
    return [...(found.stdout + found.stderr).split('\n'), ...said].filter(Boolean)
  }
}

// One of them changes names, one content, one whatever is rare.
const load = `cd "$1" || exit
  ( cd "$1/names"; while :; do i=$((i + 1))
    mkdir d$i; echo $i > d$i/f.tmp; mv d$i/f.tmp d$i/f; ln d$i/f l$i; ln -s l$i s$i
    mv -T d$i e; mv e g$i; rm -rf g$((i - 3)) l$((i - 5)) s$((i - 5)); done ) &
  ( cd "$1/content"; while :; do
    seq 3000 > a; seq 100 >> a; truncate -s 5000 a; cp a b; dd if=a of=b bs=100 seek=3 conv=notrunc
    cat a a a >> c; [ $(stat -c %s c) -lt 500000 ] || rm c; done ) &
  ( cd "$1/rare"; while :; do i=$((i + 1))
    echo x > x; chmod 4755 x; touch -d @$i x; setfattr -n user.a -v $i x; mkfifo p; rm p
    chmod 700 .; fallocate -l 20000 y; fallocate -p -o 4096 -l 4096 y; rm y; sync x; done ) &
  wait`

void t.test('kill -9 under load: the spool has all that was done', async (t) => {
  const place = new Place(t)
  const rng = seeded(t)
  let paths = 0
  await place.start()
  spawnSync('mkdir', ['names', 'content', 'rare'], { cwd: place.mount, timeout })
  await place.end('SIGTERM')
  t.strictSame(place.differences(), [], 'a clean end')
  for (let round = 1; round <= kills; round++) {
    await place.start()
    const work = spawn('sh', ['-c', load, 'sh', place.mount], { stdio: 'ignore', detached: true })
    await sleep(200 + rng.next(800))
    await place.end('SIGKILL')
    process.kill(-work.pid!, 'SIGKILL')
    await place.start()
    const stated = statedIn(place.said)
    t.notMatch(place.said, 'does not go on', `round ${round}: ${place.said}`)
    await place.end('SIGTERM')
    t.notOk(isMounted(place.mount))
    t.ok(stated.length <= 2, `round ${round}: ${stated.length} paths were being changed`)
    paths += stated.length
    t.strictSame(place.differences(), [], `round ${round}: ${stated.join(' ')}`)
  }
  const { length } = readdirSync(place.spool)
  t.comment(`${kills} kills, ${paths} paths were being changed, ${length} files`)
})

void t.test('each run goes on where the last one ended', async (t) => {
  const place = new Place(t)
  for (let run = 1; run <= 3; run++) {
    await place.start('--segment-size', '64K')
    await shell(`cd "$1"; echo ${run} > run; seq 20000 > numbers; sync numbers`, [place.mount])
    await place.end('SIGTERM')
  }
  t.strictSame(place.differences(), [])
  const { stdout, status } = spawnSync(
    'sh',
    [
      '-c',
      'cat "$1"/*.tfs | "$2" "$3" --json',
      'sh',
      place.spool,
      process.execPath,
      bin('tfs-dump'),
    ],
    { timeout, encoding: 'utf8', maxBuffer: 1 << 26 },
  )
  t.equal(status, 0, 'the segments are one stream')
  const messages = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const hellos = messages.filter(({ type }) => type === 'hello')
  const byes = messages.filter(({ type }) => type === 'bye')
  t.equal(hellos.length, 3)
  for (const [i, { epoch, seq }] of byes.slice(0, 2).entries())
    t.match(hellos[i + 1]?.body, { previousEpoch: epoch, previousSeq: seq })
  t.ok(readdirSync(place.spool).filter((name) => name.endsWith('.tfs')).length > 4)
})

interface Line {
  readonly type: string
  readonly epoch: number
  readonly seq: number
  readonly body: Record<string, unknown>
}

void t.test(
  'no room: changes fail before they are made, and go on when there is some',
  async (t) => {
    if (process.getuid?.() !== 0) {
      t.comment('only root can mount a small file system')
      return
    }
    const place = new Place(t)
    mkdirSync(place.spool, { mode: 0o700 })
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=700', 'tmpfs', place.spool], {
      timeout,
    })
    t.teardown(() => spawnSync('umount', ['-l', place.spool], { timeout }))
    await place.start('--segment-size', '4M')
    const said = await shell(
      `cd "$1"; mkdir d; echo kept > kept
    i=0; while head -c 1M /dev/urandom > f$i 2>/dev/null; do i=$((i + 1)); [ $i -lt 100 ]; done
    ! mkdir refused; [ ! -e refused ]; cat kept; ls >/dev/null
    rm f0; rmdir d; cat .tfs/status`,
      [place.mount],
    )
    t.match(said, /^kept$/m)
    t.match(said, '"state": "full"')
    t.notMatch(place.said, 'the spool', 'nothing had to wait')
    spawnSync('mount', ['-o', 'remount,size=64m', place.spool], { timeout })
    await shell('cd "$1"; mkdir accepted; head -c 5M /dev/zero > accepted/f', [place.mount])
    t.match(await shell('cat "$1/.tfs/status"', [place.mount]), '"state": "journalling"')
    await place.end('SIGTERM')
    t.strictSame(place.differences(), [])
  },
)

void t.test('its reader may go; a spool is written by one, and not into the store', async (t) => {
  const place = new Place(t)
  await place.start()
  const second = spawnSync(process.execPath, [bin('tfs-spool'), place.spool], {
    timeout,
    encoding: 'utf8',
    input: '',
  })
  t.equal(second.status, 1)
  t.match(second.stderr, 'is written by another process')
  await shell('cd "$1"; for i in $(seq 50); do echo $i > f$i; done', [place.mount])
  await place.end('SIGTERM')
  const inside = spawnSync(
    process.execPath,
    [bin('tfs-journal'), '--spool', join(place.store, 'spool'), place.store, place.mount],
    { timeout, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
  )
  t.equal(inside.status, 100)
  t.match(inside.stderr, /the spool '.*' lies inside the store/)
  const pipe = `"$1" "$2" --spool "$3" "$4" "$5" 2>"$3.log" | head -c 100 >/dev/null`
  const words = [process.execPath, bin('tfs-journal'), place.spool, place.store, place.mount]
  const running = shell(pipe, words, { timeoutMs: timeout })
  await until('mounted', () => isMounted(place.mount))
  await shell(
    'cd "$1"; for i in $(seq 200); do echo $i > g$i; done; cat .tfs/status; cd /; umount "$1"',
    [place.mount],
  )
  await running.catch(() => undefined)
  t.match(readFileSync(`${place.spool}.log`, 'utf8'), 'the stream goes on in the spool alone')
  t.strictSame(place.differences(), [])
})
