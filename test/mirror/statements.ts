// What a mirror that is being made whole does with what is stated to it: one statement after the
// other, from a stream made by hand; and what it refuses.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { content, dataKind, encodeXattrs } from '#wire'
import { replay } from '../support/replay.js'
import { directory, file, link, own, type StatedStream } from '../support/stated-stream.js'
import { replayStated as stated } from '../support/stated-stream.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const place = (t: Test) => {
  const { path } = tempDirectory(t)
  const [root, outside] = [join(path, 'mirror'), join(path, 'outside')]
  for (const made of [root, outside]) fs.mkdirSync(made)
  return { root, outside, at: (name: string) => join(root, name) }
}

void t.test('where names like its own are left out, files have their content', async (t) => {
  const { root, at } = place(t)
  const rules = [{ exclude: true, pattern: '.*' }]
  const make = (s: StatedStream) => s.directory('', { f: file }).file('f', 'one').end()
  t.equal((await stated(root, make, { rules })).error, undefined)
  t.equal(fs.readFileSync(at('f'), 'utf8'), 'one')
})

void t.test('nothing is where a file is in the place of what leads to it', async (t) => {
  const { root, at } = place(t)
  const { error } = await stated(root, (s) =>
    s
      .directory('', { f: file })
      .file('f', 'one')
      .add('assert-absent', { id: s.id, path: 'f/g/h' })
      .end(),
  )
  t.equal(error, undefined)
  t.equal(fs.readFileSync(at('f'), 'utf8'), 'one')
})

void t.test('an empty mirror asks for data, another for hashes', async (t) => {
  const { root, at } = place(t)
  const first = await stated(root, (s) => s.directory('', { f: file }).file('f', 'one').end())
  t.match(first.asked, [{ depth: 1, form: 0, path: Buffer.alloc(0) }])
  t.equal(first.error, undefined)
  t.match(first.said.join('\n'), /is exact from message 6/)
  t.equal(fs.readFileSync(at('f'), 'utf8'), 'one')
  t.notOk(fs.existsSync(at('.tfs/incomplete')))
  const second = await stated(root, (s) => s.directory('', { f: file }).file('f', 'two').end())
  t.match(second.asked, [{ depth: 1, form: 1 }])
  t.equal(fs.readFileSync(at('f'), 'utf8'), 'two')
})

void t.test(
  'what was asked for by others is left alone, whole as this is before they end',
  async (t) => {
    const { root, at } = place(t)
    const group = { group: 1 }
    const { error, said } = await stated(root, (s) =>
      s
        .directory('', { f: file, g: file })
        .file('f', 'one', group)
        .file('g', '', { ...group, linkOf: 'f', content: content.STATED })
        .others((s) => s.file('f', 'one', { ...group, group: 2 }))
        .end(),
    )
    t.equal(error, undefined)
    t.match(said.join('\n'), /is exact from/)
    t.equal(fs.statSync(at('f')).ino, fs.statSync(at('g')).ino)
  },
)

void t.test('that something is not there makes nothing, and may be said of anywhere', async (t) => {
  const { root, outside } = place(t)
  const { error } = await stated(root, (s) => {
    s.directory('', { f: file, l: link }).file('f', 'one').symlink('l', outside)
    for (const path of ['f/a', 'l/a/b', 'none/a/b']) s.state('assert-absent', { path })
    s.end()
  })
  t.equal(error, undefined)
  t.strictSame(fs.readdirSync(root).toSorted(), ['.tfs', 'f', 'l'])
})

void t.test('whatever was there', async (t) => {
  const { root, outside, at } = place(t)
  fs.writeFileSync(join(outside, 'f'), 'precious')
  fs.symlinkSync(outside, at('d'))
  fs.mkdirSync(at('f/a/b'), { recursive: true })
  fs.writeFileSync(at('x'), 'shared')
  for (const name of ['y', 'extra']) fs.linkSync(at('x'), at(name))
  const { error, result } = await stated(root, (s) =>
    s
      .directory('', { d: directory, f: file, l: link, x: file, y: file, z: file })
      .directory('d', { f: file })
      .file('d/f', 'in d', {
        xattrs: encodeXattrs([{ name: Buffer.from('user.a'), value: Buffer.from('1') }]),
      })
      .file('f', 'was a directory', { mode: file | 0o4755 })
      .symlink('l', '/etc/passwd')
      .file('x', 'of its own')
      .file('y', 'linked', { group: 1 })
      .file('z', '', { group: 1, linkOf: 'y', content: content.STATED, size: 6 })
      .end(),
  )
  t.equal(error, undefined)
  t.equal(result?.isIncomplete, false)
  t.strictSame(fs.readdirSync(root).toSorted(), ['.tfs', 'd', 'f', 'l', 'x', 'y', 'z'])
  t.equal(fs.readFileSync(join(outside, 'f'), 'utf8'), 'precious', 'nothing outside is touched')
  t.strictSame(fs.readdirSync(outside), ['f'])
  t.equal(fs.readFileSync(at('d/f'), 'utf8'), 'in d')
  t.equal(fs.statSync(at('f')).mode & 0o7777, 0o4755)
  t.equal(fs.readlinkSync(at('l')), '/etc/passwd')
  t.equal(fs.readFileSync(at('x'), 'utf8'), 'of its own')
  t.equal(fs.statSync(at('x')).nlink, 1)
  t.equal(fs.statSync(at('z')).ino, fs.statSync(at('y')).ino)
  t.equal(Math.floor(fs.statSync(at('d')).mtimeMs / 1000), 1_600_000_000, 'times are kept')
})

void t.test('in pieces, with operations between them', async (t) => {
  const { root, at } = place(t)
  const large = { mode: file | 0o644, ...own, size: 3 << 20 }
  const { error } = await stated(root, (s) => {
    s.directory('', { d: directory, f: file })
    s.state('assert-file', { path: 'f', ...large, content: content.FOLLOWS })
    const block = 'a'.repeat(1 << 20)
    s.state('assert-data', { path: 'f', offset: 0, length: 1 << 20, data: block })
    s.add('write', { path: 'f', offset: 5, data: 'written' })
    s.add('rename', { path: 'f', newPath: 'g' })
    s.state('assert-data', { path: 'g', offset: 1 << 20, length: 2 << 20, kind: dataKind.HOLE })
    s.state('assert-file', { path: 'g', ...large, content: content.STATED })
    // What is not there yet does not count.
    s.add('write', { path: 'd/not/yet', data: 'x' })
    s.add('unlink', { path: 'd/nothing' })
    s.directory('d', {}).end()
  })
  t.equal(error, undefined)
  const { size, blocks } = fs.statSync(at('g'))
  t.equal(size, 3 << 20)
  t.ok(blocks * 512 < 2 << 20, 'the hole is one')
  t.equal(fs.readFileSync(at('g'), 'latin1').slice(0, 14), 'aaaaawrittenaa')
  t.strictSame(fs.readdirSync(at('d')), [])
})

void t.test('what cannot be is refused, and nothing is done', async (t) => {
  const wrong: Record<string, (s: StatedStream) => unknown> = {
    'the reserved name': (s) => s.file('.tfs/position', 'x'),
    'a link of it': (s) => s.file('l', '', { linkOf: '.tfs/lock', content: content.STATED }),
    'it as a directory': (s) => s.directory('.tfs', {}),
    'a file of another size': (s) => s.file('f', 'four', { size: 5 }),
    'a hash that is none': (s) => s.file('f', 'four', { content: content.HASH }),
    'a type that is none': (s) => s.file('f', '', { mode: 0o030644, content: content.STATED }),
    'a link that leads nowhere': (s) => s.symlink('l', ''),
    'data of another length': (s) => s.state('assert-data', { path: 'f', length: 9, data: 'x' }),
    'data beyond all': (s) =>
      s.state('assert-data', { path: 'f', offset: Number.MAX_SAFE_INTEGER, length: 1, data: 'x' }),
  }
  for (const [what, make] of Object.entries(wrong)) {
    const { root, at } = place(t)
    const { error } = await stated(root, make)
    t.match(error, { code: 'EMIRROR_REFUSED' }, what)
    t.strictSame(fs.readdirSync(root), ['.tfs'], what)
    t.ok(fs.existsSync(at('.tfs/incomplete')), 'it is not whole')
  }
  const { root } = place(t)
  const large = await stated(root, (s) => s.file('f', 'large'), { maxFileSize: 4 })
  t.match(large.error, { message: /EFBIG/ })
})

void t.test('an incomplete mirror is gone on with only where it can ask', async (t) => {
  const { root, at } = place(t)
  const cut = await stated(root, (s) => s.directory('', { f: file }))
  t.match(cut.result, { isIncomplete: true })
  const alone = await replay(new StreamWriter().bye().bytes, root, { force: true })
  t.match(alone.error, { code: 'EMIRROR_INCOMPLETE' })
  const again = await stated(root, (s) => s.directory('', { f: file }).file('f', 'x').end(), {
    bootstrap: false,
  })
  t.equal(again.error, undefined)
  t.equal(fs.readFileSync(at('f'), 'utf8'), 'x')
})

void t.test('what a killed run was making is gone with the next', async (t) => {
  const { root, at } = place(t)
  await stated(root, (s) => s.directory('', { f: file }).file('f', 'x').end())
  fs.writeFileSync(at('.tfs/rebuilt'), 'half of a fi')
  const again = await replay(new StreamWriter(99).bye().bytes, root, { force: true })
  t.equal(again.error, undefined)
  t.notOk(fs.existsSync(at('.tfs/rebuilt')))
})

void t.test('names of one file that are linked anew both have its content', async (t) => {
  const { root, at } = place(t)
  for (const name of ['a', 'b']) fs.writeFileSync(at(name), 'one')
  const { asked, result, error } = await stated(root, (s) =>
    s
      .directory('', { a: file, b: file })
      .hashed('a', 'two')
      .file('b', '', { group: 1, linkOf: 'a', size: 3, content: content.STATED })
      .add('unlink', { path: 'a' })
      .end(),
  )
  t.equal(fs.readFileSync(at('b'), 'utf8'), 'one')
  t.match(asked[1], { path: Buffer.from('b'), depth: 0 }, String(error))
  t.match(result, { isIncomplete: true })
})

void t.test('a name that is set apart does not take what the other lacks', async (t) => {
  const { root, at } = place(t)
  fs.writeFileSync(at('a'), 'one')
  fs.linkSync(at('a'), at('b'))
  const { result, error } = await stated(root, (s) =>
    s
      .directory('', { a: file, b: file })
      .hashed('a', 'two')
      .file('b', '', { group: 1, linkOf: 'a', size: 3, content: content.STATED })
      .large('a', 'two')
      .end(),
  )
  t.equal(fs.readFileSync(at('a'), 'utf8'), 'two')
  t.match(result, { isIncomplete: true }, String(error))
})
