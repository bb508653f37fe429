// Patterns mean what they mean to rsync, which is asked.

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { PathPatterns, type PathRule } from '#wire'
import { seeded } from '../support/seed.js'
import { tempDirectory } from '../support/temp-directory.js'

const files = [
  'foo',
  'bar',
  'a.o',
  'b.c',
  '.hidden',
  'foo.d/foo',
  'foo.d/bar/foo',
  'foo.d/bar/baz/deep.o',
  'sub/foo',
  'sub/foo.d/x',
  'sub/sub/foo',
  'sub/sub/sub/a.o',
  'x/foo/bar/y',
  'x/y/foo/bar',
  'dir/foo/a',
  'tmp/a',
  'tmp/b/c',
  'x/tmp/a',
  'back\\slash',
  'back/slash',
  'star*',
  'star\\*',
  'question?',
  '[bracket',
  'bracket]',
  '[b]',
  'b',
  '-',
  'a-b',
  '^',
  '!',
  'A',
  'Z9',
  '5',
  'space d',
  'tab\tx',
  'é',
  'naïve/ü',
  'a/b/c/d/e/f',
  'a/b/foo/c',
  'aa/b',
  'ab/b',
  'x.tar.gz',
  'x.tar.gz.d/y',
].map((path) => Buffer.from(path))
files.push(Buffer.from('ff\xff/\xfe', 'latin1'), Buffer.from('\xff', 'latin1'))

const include = (pattern: string): PathRule => ({ exclude: false, pattern })
const exclude = (pattern: string): PathRule => ({ exclude: true, pattern })

const patterns = [
  'foo',
  '/foo',
  'foo/',
  '/foo/',
  'bar/foo',
  '/bar/foo',
  'foo.d/bar/foo',
  'sub/foo',
  '/sub/foo',
  'sub/sub/foo',
  '*.o',
  '/*.o',
  '*/foo',
  '/*/foo',
  '*/*/foo',
  'foo*',
  'foo*/',
  'foo?d',
  '?',
  '/?',
  '??',
  '*',
  '/*',
  '*/',
  '**',
  '/**',
  '**/',
  '**/foo',
  '/**/foo',
  '**foo',
  'foo/**',
  '/foo.d/**',
  'sub/**',
  'sub/***',
  '/sub/***',
  'foo/***',
  '***',
  '**/sub/***',
  'sub/**/foo',
  'sub/**foo',
  '/sub/**/foo',
  's**o',
  'a/**/f',
  'a/*/c',
  'a/*/c/d',
  'b/*/d',
  '/b/*/d',
  'x**r',
  '**/a.o',
  '**.o',
  '/**.o',
  '***.o',
  '[ab]',
  '[!ab]',
  '[^ab]',
  '/[a-z]',
  '[A-Z]*',
  '[[:digit:]]',
  '[[:upper:][:digit:]]*',
  '[^[:alpha:]]*',
  '[[:space:]]*',
  '*[[:space:]]*',
  '*[[:blank:]]x',
  '[[:punct:]]',
  '[[:xdigit:]]',
  '[[:nonsense:]]',
  '[[:alpha:',
  '[[:alpha]',
  '[]-]',
  '[]b]',
  '[a-',
  '[a',
  'b]',
  '[',
  'bracket[]]',
  '[[]b]',
  '[[]*',
  '[-a]',
  '[a-]',
  '[9-5]',
  '[\\]b]',
  '[\\^]',
  '[!!]',
  '[^^]',
  'a/[b/c]',
  '[a/]b',
  'back\\slash',
  'back\\\\slash',
  'back\\\\slas?',
  'back\\slas?',
  'back?slash',
  'star\\*',
  'star[*]',
  'star\\\\\\*',
  'star*',
  'question\\?',
  'question?',
  'é',
  '?\u00a9',
  '[é]',
  '??',
  'na*ve',
  '*ve/*',
  'space d',
  'space*d',
  '.*',
  '/.*',
  '.hidden',
  '-',
  '^',
  '!*',
  'tmp/a',
  '/tmp/a',
  'tmp/*',
  '/tmp/*/',
  'tmp/**',
  'x.tar.*',
  '*.gz/',
  '*.gz.d/',
  'a*/b',
  '/a?/b',
  'a/b/c/d/e/f',
  'd/e',
  'c/d/e/',
  'foo\\',
  'foo*\\',
  'a//b',
  '//foo',
  'a/./b',
  'y*',
  '*?*',
  '?*?',
  '*.*.*',
]

const chains: PathRule[][] = [
  [include('*/'), include('*.o'), exclude('*')],
  [include('/sub/'), include('/sub/foo'), exclude('/sub/*'), exclude('/x')],
  [include('/foo.d/***'), exclude('*')],
  [include('/foo.d/bar/***'), exclude('*')],
  [include('/a'), include('/a/b'), include('/a/b/**'), exclude('*')],
  [exclude('*.o'), include('a.o')],
  [include('a.o'), exclude('*.o')],
  [include('**/bar'), exclude('foo')],
  [exclude('/sub/sub'), include('/sub/sub/foo')],
  [include('foo/'), exclude('foo')],
  [exclude('foo/'), include('foo'), exclude('*')],
  [include('*/'), exclude('*')],
  [include('[a-f]*'), exclude('/*')],
]

/** All paths of the tree, with whether each is a directory. */
const paths = new Map<string, boolean>()
for (const file of files) {
  paths.set(file.toString('latin1'), false)
  for (let parent = dirname(file.toString('latin1')); parent !== '.'; parent = dirname(parent))
    paths.set(parent, true)
}

const root = tempDirectory(t).path
mkdirSync(join(root, 'to'))
for (const [path, isDirectory] of [...paths].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const name = Buffer.concat([Buffer.from(`${root}/from/`), Buffer.from(path, 'latin1')])
  mkdirSync(isDirectory ? name : name.subarray(0, name.lastIndexOf('/')), { recursive: true })
  if (!isDirectory) writeFileSync(name, '')
}

/** The paths that rsync would transfer. */
function rsync(rules: readonly PathRule[]): string[] {
  const args = rules.map(({ exclude, pattern }) => `--${exclude ? 'ex' : 'in'}clude=${pattern}`)
  const { status, stdout, stderr } = spawnSync(
    'rsync',
    ['-rn8', '--out-format=%n', ...args, `${root}/from/`, `${root}/to/`],
    { timeout: 60_000, encoding: 'latin1' },
  )
  if (status !== 0) throw new Error(stderr)
  const names = stdout
    .trimEnd()
    .split('\n')
    .map((name) =>
      name.replace(/\\#(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    )
  return names
    .map((name) => name.replace(/\/$/, ''))
    .filter((name) => name !== '.' && name !== '')
    .sort()
}

function ours(rules: readonly PathRule[]): string[] {
  const all = new PathPatterns(rules)
  return [...paths]
    .filter(([path, isDirectory]) => !all.excludes(Buffer.from(path, 'latin1'), isDirectory))
    .map(([path]) => path)
    .sort()
}

void t.test('the tree is there', async (t) => {
  t.strictSame(rsync([]), [...paths.keys()].sort())
  t.not(rsync([exclude('foo')]).length, paths.size)
})

void t.test('single patterns', async (t) => {
  for (const pattern of patterns)
    t.strictSame(ours([exclude(pattern)]), rsync([exclude(pattern)]), pattern)
})

void t.test('chains of includes and excludes', async (t) => {
  for (const rules of chains) t.strictSame(ours(rules), rsync(rules), JSON.stringify(rules))
})

void t.test('patterns at random', async (t) => {
  const rng = seeded(t)
  const parts = [
    '*',
    '**',
    '***',
    '?',
    '/',
    '/',
    'foo',
    'a',
    'b',
    'sub',
    '.',
    '[a-f]',
    '[!a]',
    '\\',
    'o',
    '[',
  ]
  for (let i = 0; i < 150; i++) {
    const rules = Array.from({ length: rng.next(3) + 1 }, () => {
      const pattern = Array.from({ length: rng.next(5) + 1 }, () => parts[rng.next(parts.length)])
      return { exclude: rng.next(3) > 0, pattern: pattern.join('') }
    }).filter(({ pattern }) => !/^\/*$/.test(pattern))
    t.strictSame(ours(rules), rsync(rules), JSON.stringify(rules))
  }
})

void t.test('a pattern that names nothing is refused', async (t) => {
  for (const pattern of ['', '/', '//'])
    t.throws(() => new PathPatterns([exclude(pattern)]), { name: 'RangeError' }, pattern)
})
