// What is said to who asks for a part that is none.

import { join } from 'node:path'
import t from 'tap'
import { runMirror } from '../support/run-mirror.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const wrong: readonly (readonly [string[], RegExp])[] = [
  [['--only', '.'], /--only: '\.' is all of the source: leave it out/],
  [['--only', './'], /all of the source/],
  [['--only='], /all of the source/],
  [['--only', 'a/../b'], /--only: 'a\/\.\.\/b' is no path in DIR: a component '\.\.' in a path/],
  [['--only', 'a//b'], /an empty component/],
  [['--only', '.tfs/position'], /--only: \.tfs is not mirrored/],
  [['--only', 'a/b', '--exclude', '/a/'], /--only: 'a\/b' is left out by --exclude/],
  [['--only', 'a/b', '--verify=a/c'], /--verify: 'a\/c' is not in the part that --only names/],
  [['--only', 'a', '--verify=ab'], /is not in the part/],
]

void t.test('what cannot be meant is refused', async (t) => {
  const copy = join(tempDirectory(t).path, 'copy')
  for (const [words, said] of wrong) {
    const { status, stderr } = runMirror([...words, copy])
    t.equal(status, 100, words.join(' '))
    t.match(stderr, said)
  }
})

void t.test('a path as people write it', async (t) => {
  const copy = join(tempDirectory(t).path, 'copy')
  const stream = new StreamWriter()
    .add('mkdir', { path: 'a', mode: 0o755 })
    .add('mkdir', { path: 'b', mode: 0o755 })
    .bye().bytes
  for (const path of ['a', './a', 'a/', '/a', './a//', 'a/.']) {
    const { status, stderr } = runMirror(['--only', path, copy], { input: stream })
    t.equal(status, 0, stderr)
  }
  const { status, stderr } = runMirror(['--only', 'b', copy], { input: stream })
  t.equal(status, 1)
  t.match(stderr, /\.tfs\/only: this mirror keeps 'a' alone, with --only: start it with --only 'a'/)
  const dry = runMirror(['-n', '--only', 'b', copy], { input: stream })
  t.equal(dry.status, 1)
  const listed = runMirror(['-n', '--only', 'b', `${copy}2`], { input: stream })
  t.match(listed.stdout.toString(), / mkdir .*b/)
  t.notMatch(listed.stdout.toString(), / mkdir .*'?a\b/)
})
