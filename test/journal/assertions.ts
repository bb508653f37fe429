// `.tfs/assert` and `.tfs/verify` of the mount as somebody uses them in a shell; how fast they may
// be; and what clients ask for that no message may say.

import { once } from 'node:events'
import { join } from 'node:path'
import { connect } from 'node:net'
import t from 'tap'
import { decodeMessage, Framer, type Body } from '#wire'
import { HeadedJournal } from '../support/headed-journal.js'
import { ended, JournalPlace, until } from '../support/journal-place.js'
import { messageOf } from '../support/stream-writer.js'

t.setTimeout(120_000)

interface Told {
  readonly active: readonly object[]
  readonly waiting: number
  readonly ended: number
  readonly last: { readonly seconds: number } | null
}

const wait = `await() { for i in $(seq 600); do
  if grep -q "\\"ended\\": $1" .tfs/verify; then return; fi; sleep .05; done; exit 1; }`

void t.test('a path that is written is stated, and reading tells of it', (t) => {
  const place = new JournalPlace(t)
  const { status, stderr } = place.record(`${wait}
    mkdir -p d/e; echo abc > d/f; echo x > 'a b'
    cat .tfs/assert > ../before
    echo . > .tfs/verify; await 1; printf d/ > .tfs/assert; await 2
    echo ./d/f > .tfs/verify; await 3; printf 'a b' > .tfs/verify; await 4
    cat .tfs/verify > ../after; cat .tfs/status > ../status`)
  t.equal(status, 0, stderr)
  const told = (name: string) => JSON.parse(place.sh(`cat '${place.dir}/${name}'`))
  t.strictSame(told('before'), { active: [], waiting: 0, ended: 0, last: null })
  t.match(told('after') as Told, {
    active: [],
    ended: 4,
    last: { path: 'a b', content: 'hashes', directories: 0, files: 1, bytes: 2, error: null },
  })
  t.match(told('status'), { assertions: told('after') })
  const begun = place.messages().filter(({ name }) => name === 'assert-begin')
  t.strictSame(
    begun.map(({ body }) => {
      const { path, form } = body as Body<'assert-begin'>
      return [path.toString(), form]
    }),
    [
      ['', 1],
      ['d', 0],
      ['d/f', 1],
      ['a b', 1],
    ],
  )
  t.end()
})

void t.test('what cannot be stated is an error of the write', async (t) => {
  const place = new JournalPlace(t)
  place.sh(`mkdir -p '${place.store}/out/in'`)
  const script = `
    fails() { why=$(bash -c "printf '$2' > .tfs/verify" 2>&1) && { echo "works: $2" >&2; exit 1; }
      case $why in *"$1"*) ;; *) echo "$2: $why" >&2; exit 1 ;; esac; }
    echo x > f
    fails 'No such file' nothing; fails 'No such file' g/x/y
    fails 'Not a directory' f/x
    fails 'No such file' out; fails 'No such file' out/in
    for no in /etc .. a/../b a//b .tfs .tfs/status ./.tfs / '\\n' 'a\\000b'; do
      fails 'Invalid argument' "$no"; done
    for i in $(seq 3); do echo . > .tfs/verify; done`
  const { status, stderr } = place.record(script, ['--exclude', '/out/'])
  t.equal(status, 0, stderr)
  t.equal(place.differences('/out/'), '')
  const detached = place.startInto('head -c 1 >/dev/null')
  await place.mounted(detached)
  const why = place.sh(`cd '${place.mount}'; for i in $(seq 100); do echo $i > f; done
    sh -c 'echo . > .tfs/verify' 2>&1 || true`)
  t.match(why, /I\/O error|Input\/output error/, 'nobody would hear it')
  place.signal('SIGTERM')
  await ended(detached)
})

void t.test('too many are refused, --assert-rate limits them', async (t) => {
  const journal = new HeadedJournal(t, 300_000)
  await journal.start('--assert-rate', '1MB', '--exec', 'cat >/dev/null')
  const text = journal.sh(`${wait}
    head -c 2500000 /dev/urandom > f; echo . > .tfs/verify; await 1; cat .tfs/verify`)
  const { last } = JSON.parse(text) as Told
  t.ok(last && last.seconds >= 2, `${last?.seconds} s for 2.5 MB`)
  // As many as may go on at once stand still, as long as the others are asked for.
  const many = journal.sh(`
    for i in a b c d; do head -c 40000000 /dev/urandom > $i; echo $i > .tfs/verify; done
    for i in $(seq 5000); do : > $i; echo $i > .tfs/verify || break; done 2>&1; cat .tfs/verify`)
  t.match(many, /Resource temporarily unavailable[^]*"waiting": 4096/)
  t.equal(await journal.end(), 'SIGTERM')
  const place = new JournalPlace(t)
  const wrong = place.record('true', ['--assert-rate', 'fast'])
  t.match(wrong, { status: 100, stderr: /--assert-rate: 'fast' is not a size/ })
})

void t.test('a client that asks for what is reserved or excluded hurts nobody', async (t) => {
  const journal = new HeadedJournal(t)
  const socket = join(journal.dir, 'socket')
  const broadcast = join(import.meta.dirname, '../../bin/tfs-broadcast.js')
  journal.sh('mkdir ../store/out; echo secret > ../store/out/f')
  const exec = `'${process.execPath}' '${broadcast}' -q '${socket}'`
  await journal.start('--exclude', '/out/', '--exec', exec)
  await until(
    'the socket',
    () => journal.sh(`test -S '${socket}' && echo yes || echo no`) === 'yes\n',
  )
  const client = connect(socket)
  t.teardown(() => client.destroy())
  await once(client, 'connect')
  const stated: string[] = []
  const framer = new Framer()
  client.on('data', (piece: Buffer) => {
    framer.push(piece)
    for (let bytes = framer.next(); bytes; bytes = framer.next()) {
      const message = decodeMessage(bytes)
      if (message?.name.startsWith('assert-'))
        stated.push(`${message.name} ${(message.body as { path?: Buffer }).path?.toString() ?? ''}`)
    }
  })
  for (const [id, path] of ['.tfs', '.tfs/status', 'out', 'out/f', 'last'].entries()) {
    client.write(messageOf('want-assert', { id: id + 1, depth: 1, path }, { seq: 0, epoch: 0 }))
  }
  await until(
    'the last',
    () => stated.includes('assert-begin last') && stated.at(-1)!.includes('end'),
  )
  t.strictSame(
    stated.map((line) => line.trim()),
    ['out', 'out/f', 'last'].flatMap((path) => [
      `assert-begin ${path}`,
      `assert-absent ${path}`,
      'assert-end',
    ]),
  )
  t.equal(await journal.end(), 'SIGTERM')
})
