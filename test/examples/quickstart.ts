// The quick start, as root and as a user, with the demonstration and with a directory of one's own.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { asUser } from '../support/as-user.js'
import { commandsWithout, Example } from '../support/example.js'
import { run } from '../support/hello-mount.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(600_000)

const shell = (command: string) => run('sh', '-c', command)

void t.test('it shows changes that arrive, and leaves nothing behind', async (t) => {
  const example = new Example(t, 'quickstart.sh')
  t.equal(await example.ended, 0, example.said)
  t.match(example.said, /in the mirror {2}one\n +two\n/)
  t.match(example.said, /\nEqual, \d\d+ names: rsync .* prints nothing\.\n$/)
  t.strictSame(example.leftovers(), [])
})

void t.test('Ctrl-C at any moment leaves nothing behind', async (t) => {
  for (const text of ['  store ', 'kept/today', '5368709124']) {
    const example = new Example(t, 'quickstart.sh')
    await example.hasSaid(text)
    example.signal('SIGINT')
    t.equal(await example.ended, 130, example.said)
    t.strictSame(example.leftovers(), [], text)
  }
})

void t.test("a directory of one's own, mounted over itself, until Ctrl-C", async (t) => {
  const dir = tempDirectory(t).path
  const [source, mirror] = [join(dir, 'a source'), join(dir, 'a source.mirror')]
  mkdirSync(source)
  writeFileSync(join(source, 'before'), 'before\n')
  const first = new Example(t, 'quickstart.sh', [source])
  await first.hasSaid('Ctrl-C ends it')
  t.equal(shell(`cd '${source}' && mkdir d && echo 1 > d/f && mv before d/g`).status, 0)
  first.signal('SIGINT')
  t.equal(await first.ended, 0, first.said)
  t.match(first.said, /Equal, 4 names/)
  t.strictSame(first.leftovers(), [])
  t.equal(shell(`cat '${mirror}/d/g'`).stdout, 'before\n')

  // What has changed meanwhile on either side is made good by rsync.
  shell(`rm '${source}/d/f'; echo x > '${mirror}/d/g'; echo y > '${mirror}/y'`)
  const second = new Example(t, 'quickstart.sh', [source, mirror])
  await second.hasSaid('Ctrl-C ends it')
  shell(`echo 2 >> '${source}/d/g'`)
  second.signal('SIGTERM')
  t.equal(await second.ended, 0, second.said)
  t.match(second.said, /Equal, 3 names/)
  t.equal(shell(`cat '${mirror}/d/g'`).stdout, 'before\n2\n')
})

void t.test('it refuses what could not end well, and unmounts', async (t) => {
  const dir = tempDirectory(t).path
  const [source, other] = [join(dir, 'source'), join(dir, 'other')]
  for (const path of [source, other]) mkdirSync(path)
  writeFileSync(join(other, 'precious'), '')
  const refused = async (args: string[], why: RegExp) => {
    const example = new Example(t, 'quickstart.sh', args)
    t.not(await example.ended, 0)
    t.match(example.said, why)
    t.strictSame(example.leftovers(), [], why.source)
  }
  await refused([source, other], /not empty and no mirror/)
  t.equal(run('ls', other).stdout, 'precious\n')
  await refused([source, join(source, 'm')], /the mirror .* lies in the source/)
  await refused([source, dir], /the source .* lies in the mirror/)
  await refused([join(dir, 'none')], /none is not a directory/)
  await refused(['a', 'b', 'c'], /^usage: /)
})

void t.test('an ordinary user', async (t) => {
  const { command, tree, home } = asUser(t)
  const options = { under: command, tmp: home }
  const example = new Example(t, join(tree, 'examples/quickstart.sh'), [], options)
  t.equal(await example.ended, 0, example.said)
  t.match(example.said, /\nEqual, \d\d+ names/)
  t.strictSame(example.leftovers(), [])
})

void t.test('what is missing is said, with its cure', async (t) => {
  const missing = async (under: readonly string[], what: RegExp, script = 'quickstart.sh') => {
    const example = new Example(t, script, [], { under })
    t.equal(await example.ended, 111, what.source)
    t.match(example.said, what)
    t.match(example.said, /\nquickstart: cure/)
  }
  const inNamespace = (script: string) => [
    'unshare',
    '-m',
    'sh',
    '-c',
    `${script}; exec "$@"`,
    'sh',
  ]
  await missing(
    inNamespace('touch "$TMPDIR/x" && mount --bind "$TMPDIR/x" /dev/fuse'),
    /missing: \/dev\/fuse/,
  )
  const noAdmin = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin']
  await missing(noAdmin, /missing: the privilege to mount/)
  const { command, tree } = asUser(t, '600')
  await missing(command, /missing: permission/, join(tree, 'examples/quickstart.sh'))
  const user = asUser(t)
  const without = (dir: string, ...names: string[]) => `PATH=${commandsWithout(dir, names)}`
  const fewer = [...user.command, 'env', without(user.home, 'rsync', 'fusermount3')]
  const packages = /missing: rsync fuse3\nquickstart: cure, as root: apt-get install rsync fuse3\n/
  await missing(fewer, packages, join(user.tree, 'examples/quickstart.sh'))
  await missing(['env', without(tempDirectory(t).path, 'node')], /missing: Node/)
})
