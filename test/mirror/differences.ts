// What a mirror finds that compares itself with what is stated to it: each difference once, with
// what it has and what it should have.

import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { content, encodeXattrs } from '#wire'
import { fgetxattr, fsetxattr } from '#posix'
import type { replay } from '../support/replay.js'
import { directory, file, link, own, type StatedStream } from '../support/stated-stream.js'
import { replayStated } from '../support/stated-stream.js'
import { tempDirectory } from '../support/temp-directory.js'

type Options = NonNullable<Parameters<typeof replay>[2]>
type Make = (stream: StatedStream) => unknown

const [device, block] = [0o020000, 0o060000]

function place(t: Test) {
  const root = join(tempDirectory(t).path, 'mirror')
  fs.mkdirSync(root)
  const at = (name: string) => join(root, name)
  return {
    root,
    at,
    make: async (make: Make, options: Options = {}) => {
      const { error } = await replayStated(root, make, options)
      t.equal(error, undefined)
    },
    /** What differs, and how many differences are counted. */
    compare: async (make: Make, repair = false, options: Options = {}) => {
      const found: string[] = []
      const { error, result } = await replayStated(root, make, {
        bootstrap: false,
        verify: { path: Buffer.alloc(0), repair },
        onDifference: (name, what, how) => void found.push(`${name.toString()}: ${what}: ${how}`),
        ...options,
      })
      t.equal(error, undefined)
      t.equal(result?.differing, found.length, 'as many are counted')
      return found
    },
  }
}

const all: Make = (s) =>
  s
    .directory('', { b: block, c: file, d: directory, l: link, t: file })
    .state('assert-file', { path: 'b', mode: block | 0o644, ...own, major: 7, minor: 3 })
    .large('c', 'content')
    .directory('d', { e: directory, f: file })
    .directory('d/e', { f: file })
    .file('d/e/f', 'far down')
    .file('d/f', 'down')
    .symlink('l', 'to\n')
    .large('t', 'a file')
    .end()

for (const repair of [false, true])
  void t.test(`each is told once, with both sides${repair ? ', and mended' : ''}`, async (t) => {
    const { root, at, make, compare } = place(t)
    await make(all)
    t.strictSame(await compare(all), [])
    fs.rmSync(at('b'))
    const { status } = spawnSync('mknod', [at('b'), 'b', '7', '4'])
    t.equal(status, 0)
    fs.chmodSync(at('b'), 0o644)
    fs.utimesSync(at('b'), 1, 1_600_000_001)
    fs.writeFileSync(at('c'), 'CONTENT')
    fs.chmodSync(at('c'), 0o600)
    fs.utimesSync(at('c'), 1, 1_600_000_002)
    const fd = fs.openSync(at('c'), 'r')
    fsetxattr(fd, Buffer.from('user.x'), Buffer.from('y'))
    fs.closeSync(fd)
    fs.rmSync(at('d'), { recursive: true })
    fs.rmSync(at('l'))
    fs.symlinkSync('elsewhere', at('l'))
    fs.utimesSync(root, 1, 1_600_000_000)
    fs.rmSync(at('t'))
    fs.mkdirSync(at('t'))
    const found = (await compare(all, repair)).filter((line) => !/^(|l): mtime/.test(line))
    t.strictSame(found, [
      'b: device: 7:4, should be 7:3',
      'b: mtime: 2020-09-13T12:26:41.000000000Z, should be 2020-09-13T12:26:40.000000005Z',
      'c: mode: 0600, should be 0644',
      'c: xattr: user.x: should not be there',
      'c: content: bytes 0 to 6',
      ...(repair
        ? []
        : ['c: mtime: 2020-09-13T12:26:42.000000000Z, should be 2020-09-13T12:26:40.000000005Z']),
      'd: missing: should be a directory',
      'l: target: elsewhere, should be to\\n',
      't: type: directory, should be a regular file',
    ])
    if (repair) t.strictSame(await compare(all), [])
  })

void t.test('what was a device that was left out', async (t) => {
  const { at, make, compare } = place(t)
  const options = { untrusted: true }
  const old: Make = (s) =>
    s
      .directory('', { n: device, o: device })
      .state('assert-file', { path: 'n', mode: device | 0o644, ...own, content: content.STATED })
      .state('assert-file', { path: 'o', mode: device | 0o644, ...own, content: content.STATED })
      .end()
  const now: Make = (s) => s.directory('', { n: file }).file('n', 'a file').end()
  const omitted = () => fs.readFileSync(at('.tfs/omitted'), 'latin1')
  await make(old, options)
  t.equal(omitted(), 'n\0o\0')
  t.strictSame(await compare(old, false, options), [])
  t.strictSame(await compare(now, false, options), ['n: missing: should be a regular file'])
  t.equal((await compare(now, true, options)).length, 1)
  t.equal(fs.readFileSync(at('n'), 'utf8'), 'a file')
  t.equal(omitted(), 'o\0')
  fs.rmSync(at('n'))
  await make(old, options)
  await make(now, options)
  t.equal(fs.readFileSync(at('n'), 'utf8'), 'a file')
  t.equal(omitted(), '')
})

void t.test('set-id bits that this mirror does not set', async (t) => {
  const { make, compare } = place(t)
  const set: Make = (s) =>
    s
      .directory('', { f: file }, 0o1755)
      .file('f', 'x', { mode: file | 0o6755 })
      .end()
  await make(set, { untrusted: true })
  t.strictSame(await compare(set, false, { untrusted: true }), [])
  t.strictSame(await compare(set), [
    ': mode: 0755, should be 01755',
    'f: mode: 0755, should be 06755',
  ])
})

// linux/posix_acl_xattr.h: user rw, user 7 r, group r, mask r, other none.
const acl = Buffer.from(
  '02000000' +
    '01000600ffffffff' +
    '0200040007000000' +
    '04000400ffffffff' +
    '10000400ffffffff' +
    '20000000ffffffff',
  'hex',
)

void t.test('attributes that are kept in others', async (t) => {
  const { at, make, compare } = place(t)
  const options = { ids: { kind: 'xattr' } } as const
  const named = (name: string, value: Buffer | string) => ({
    name: Buffer.from(name),
    value: Buffer.from(value),
  })
  const with_ =
    (...list: ReturnType<typeof named>[]): Make =>
    (s) =>
      s
        .directory('', { f: file, l: link })
        .file('f', 'x', { mode: file | 0o640, uid: 7, xattrs: encodeXattrs(list) })
        .symlink('l', 'target')
        .end()
  const full = with_(
    named('system.posix_acl_access', acl),
    named('trusted.t', '1'),
    named('user.a', '1'),
  )
  await make(full, options)
  t.strictSame(await compare(full, false, options), [])
  fs.writeFileSync(at('l'), 'tarmac')
  const changed = with_(named('trusted.t', '2'), named('user.b', '1'))
  const lines = (await compare(changed, true, options)).filter((line) => !/mtime/.test(line))
  t.strictSame(lines.toSorted(), [
    'f: xattr: system.posix_acl_access: should not be there',
    'f: xattr: trusted.t: another value',
    'f: xattr: user.a: should not be there',
    'f: xattr: user.b: missing',
    'l: target: tarmac, should be target',
  ])
  t.strictSame(await compare(changed, false, options), [])
  const fd = fs.openSync(at('f'), 'r')
  t.ok(fgetxattr(fd, Buffer.from('user.rsync.%aacl'), Buffer.alloc(99)) < 0)
  fs.closeSync(fd)
})

void t.test('links to each other of a file whose first name is left out', async (t) => {
  const { at, make, compare } = place(t)
  const options: Options = { rules: [{ exclude: true, pattern: '/a' }] }
  const linked: Make = (s) => {
    s.directory('', { a: file, b: file, c: file }).file('a', 'one', { group: 1 })
    for (const path of ['b', 'c'])
      s.file(path, '', { group: 1, linkOf: 'a', size: 3, content: content.STATED })
    s.end()
  }
  await make((s) =>
    s
      .directory('', { b: file, c: file })
      .file('b', 'one', { group: 1 })
      .file('c', '', { group: 1, linkOf: 'b', size: 3, content: content.STATED })
      .end(),
  )
  t.strictSame(await compare(linked, false, options), [])
  fs.rmSync(at('c'))
  fs.writeFileSync(at('c'), 'one')
  fs.chmodSync(at('c'), 0o644)
  fs.utimesSync(at('c'), 1, 1_600_000_000)
  const found = (await compare(linked, false, options)).filter((line) => !/mtime/.test(line))
  t.strictSame(found, ['c: link: should be a link of b'])
})
