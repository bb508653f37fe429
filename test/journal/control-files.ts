// The directory `.tfs` at the mount's root: its status, and marks.

import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Actor } from '../support/actor.js'
import { ended, JournalPlace } from '../support/journal-place.js'
import { at, bytes, num } from '../support/request-words.js'

const timeoutMs = 30_000
t.setTimeout(120_000)

void t.test('it is found by name and not listed, and nothing else is made there', (t) => {
  const place = new JournalPlace(t)
  const script = `
    test -z "$(ls -A)"; test "$(ls -A .tfs | tr '\\n' ' ')" = 'assert mark status verify '
    test "$(stat -c '%A %u' .tfs .tfs/mark .tfs/status | tr '\\n' ' ')" \\
      = "dr-xr-xr-x $(id -u) -rw-r--r-- $(id -u) -r--r--r-- $(id -u) "
    fails() { if "$@" 2>/dev/null; then echo "works: $*"; exit 1; fi; }
    echo x > file
    fails mkdir .tfs; fails mkdir .tfs/d; fails touch .tfs/f; fails mv file .tfs/
    fails ln file .tfs/l
    fails mv .tfs/mark here; fails ln .tfs/mark here; fails rm -f .tfs/mark; fails rmdir .tfs
    fails mv -T file .tfs; fails chmod 777 .tfs/mark; fails cat .tfs/none; fails ls .tfs/mark/
    fails setfattr -n user.a -v b .tfs/mark; test -z "$(getfattr -d .tfs/mark)"
    fails sh -c 'echo x > .tfs/status'; fails sh -c 'cat > .tfs'
    df .tfs >/dev/null; rm file; test -z "$(ls -A)"; find . >/dev/null
    cp .tfs/status ../copy-of-it`
  const { status, stderr } = place.record(script)
  t.equal(status, 0, stderr)
  t.strictSame(
    place.messages().map(({ name }) => name),
    ['hello', 'create', 'write', 'setattr', 'unlink', 'bye'],
  )
  t.end()
})

void t.test('status is JSON that says how the journal is', (t) => {
  const place = new JournalPlace(t)
  const { status, stderr } = place.record(`
    cat .tfs/status >'${place.dir}/1'; echo x >f; echo b > .tfs/mark
    exec 5<f; cat .tfs/status >'${place.dir}/2'`)
  t.equal(status, 0, stderr)
  const [before, after] = [1, 2].map((i) => JSON.parse(place.sh(`cat '${place.dir}/${i}'`)))
  const { epoch } = place.messages()[0]!
  t.match(before, {
    program: 'tfs-journal',
    state: 'journalling',
    position: { epoch, seq: 1 },
    output: { attached: true, untakenBytes: 0 },
    lost: 0,
    lastMark: null,
    openFiles: 0,
  })
  t.match(before.source, place.store)
  const { seq } = place.messages().find(({ name }) => name === 'mark')!
  t.match(after, { position: { epoch }, lastMark: { name: 'b', seq }, openFiles: 1 })
  t.ok(after.position.seq >= seq)
  t.end()
})

void t.test('a status that is not good says so', async (t) => {
  const place = new JournalPlace(t)
  const journal = place.startInto('head -c 1 >/dev/null')
  await place.mounted(journal)
  const text = place.sh(`
    cd '${place.mount}'; for i in $(seq 100); do echo $i > f; done; cat .tfs/status
    if echo x > .tfs/mark; then echo a mark without a stream; exit 1; fi`)
  t.match(JSON.parse(text), { state: 'detached', output: { attached: false } })
  place.signal('SIGTERM')
  await ended(journal)
})

void t.test('a mark stands behind all that was written before, through memory too', async (t) => {
  const place = new JournalPlace(t)
  const journal = place.start()
  await place.mounted(journal)
  const actor = new Actor()
  t.teardown(() => actor.end())
  const call = async (words: string) => {
    const { value, errno } = await actor.request(words, timeoutMs)
    t.equal(errno, '', words)
    return value
  }
  const fd = await call(`openat ${at(join(place.mount, 'mapped'))} n66 n420`)
  await call(`ftruncate ${num(fd)} n8192`)
  const address = await call(`mmap n0 n8192 n3 n1 ${num(fd)} n0`)
  await call(`poke ${num(address + 5000)} ${bytes('written through memory')}`)
  place.sh(`cd '${place.mount}'; echo x > f; echo before-upgrade > .tfs/mark; echo y > f`)
  t.equal(place.sh(`cat '${place.mount}/.tfs/mark'`), 'before-upgrade\n')
  const messages = place.messages()
  const mark = messages.findIndex(({ name }) => name === 'mark')
  const found = messages.findIndex(
    ({ name, body }) =>
      name === 'write' && (body as { data: Buffer }).data.includes('written through memory'),
  )
  t.ok(found > 0 && found < mark, `the write is ${found}, the mark ${mark}`)
  t.equal(messages.filter(({ name }) => name === 'truncate').length, 2, 'and not the later one')
  t.equal(messages.slice(mark).filter(({ name }) => name === 'truncate').length, 1)
  await actor.end()
  process.kill(journal.pid!, 'SIGTERM')
  t.equal(await ended(journal), 'SIGTERM')
})

void t.test('marks have names that a line holds, and are for the owner', (t) => {
  const place = new JournalPlace(t)
  const long = 'n'.repeat(255)
  const script = `
    fails() { if "$@" 2>/dev/null; then echo "works: $*" >&2; exit 1; fi; }
    mark() { printf "$1" > .tfs/mark; }
    echo x > file; mark 'a b'; mark '\\344\\n'; mark ${long}; mark same; mark same
    fails mark '\\n'; fails mark 'a\\nb'; fails mark 'a\\000b'; fails mark a/b
    fails mark ${long}n
    if [ $(id -u) = 0 ]; then
      other='setpriv --reuid=1201 --regid=1201 --clear-groups'
      $other cat .tfs/status >/dev/null; fails $other sh -c 'echo x > .tfs/mark'
    fi
    for i in 1 2 3 4 5 6 7 8; do echo m$i > .tfs/mark & done; wait`
  chmodSync(place.dir, 0o755)
  const { status, stderr } = place.record(
    script,
    process.getuid?.() === 0 ? ['-o', 'allow_other'] : [],
  )
  t.equal(status, 0, stderr)
  const names = place
    .messages()
    .filter(({ name }) => name === 'mark')
    .map(({ body }) => (body as { name: Buffer }).name.toString('latin1'))
  t.strictSame(names.slice(0, 5), ['a b', '\xe4', long, 'same', 'same'])
  t.strictSame(names.slice(5).sort(), ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8'])
  t.equal(place.differences(), '', 'a mirror takes them')
  t.end()
})
