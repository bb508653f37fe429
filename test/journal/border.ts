// What crosses the border of what is journalled takes along all that belongs to it.

import { join } from 'node:path'
import t from 'tap'
import { JournalPlace } from '../support/journal-place.js'

const program = join(import.meta.dirname, '../support/rename-exchange.js')
const exchange = `'${process.execPath}' '${program}'`

/** Each: what there is before, what is done, and which patterns exclude. */
const cases: Record<string, readonly [before: string, script: string, ...excludes: string[]]> = {
  'a hard link of a name that nobody has looked up': [
    'mkdir tmp keep; echo 1 > tmp/x; ln tmp/x keep/y',
    'mv tmp/x z',
    '/tmp',
  ],
  'a directory with such a link, and links within': [
    'mkdir -p tmp/d/e keep; echo 1 > tmp/d/x; ln tmp/d/x keep/y; echo 2 > tmp/d/a' +
      '; ln tmp/d/a tmp/d/b; ln tmp/d/a tmp/d/e/c; ln tmp/d/a tmp/out',
    'mv tmp/d z; mv tmp/out in',
    '/tmp',
  ],
  'links among what a renamed directory had in view and what it had not': [
    'mkdir -p a/keep a/one a/two; echo 1 > a/keep/f; ln a/keep/f a/one/g; ln a/keep/f a/two/h' +
      '; echo 2 > a/one/s; ln a/one/s a/two/t',
    'mv a b',
    '/a/one',
    '/a/two',
  ],
  'a name that comes into view with its directory, of a file open by another': [
    'mkdir -p tmp/d; echo 1 > tmp/f; ln tmp/f tmp/d/g',
    'exec 3>> tmp/f; echo 2 >&3; mv tmp/d keep; echo 3 >&3',
    '/tmp',
  ],
  'ACLs that it did not inherit': [
    'mkdir -p tmp/dd tmp/e d; setfacl -d -m u:7:rwx d; echo 1 > tmp/a; echo 2 > tmp/dd/b' +
      '; setfacl -d -m u:8:rx tmp/dd; echo 3 > tmp/e/f; mkfifo tmp/e/p; setfacl -m u:9:r tmp/e/f',
    'mv tmp/a d/a; mv tmp/dd d/dd; mv tmp/e d/dd/e',
    '/tmp',
  ],
  'content copied out of it by copy_file_range': [
    'mkdir tmp; seq 100000 > tmp/f; truncate -s 1M tmp/holes; echo 1 >> tmp/holes',
    'cp tmp/f f; cp tmp/holes holes; cp --sparse=never tmp/f holes; cp tmp/holes f',
    '/tmp',
  ],
  'what another pattern excludes at the new place, with what it left out at the old one': [
    'mkdir -p a/d/e; echo 1 > a/d/x; echo 2 > a/d/y; echo 3 > a/k; echo 4 > a/d/e/z',
    'mv a b',
    '/a/d/y',
    '/b/d',
    '/b/d/x',
    '/b/d/e',
  ],
  'what changes places': [
    'mkdir tmp a b; echo 1 > tmp/1; echo 2 > a/2; ln a/2 b/3; ln tmp/1 a/4',
    `${exchange} tmp a; test -e tmp/4; ${exchange} a b; ${exchange} b/1 a/3; test -e a/3`,
    '/tmp',
  ],
}

for (const [what, [before, script, ...excludes]] of Object.entries(cases))
  void t.test(what, async (t) => {
    const place = new JournalPlace(t)
    place.prepare(before, ...excludes)
    const args = excludes.flatMap((pattern) => ['--exclude', pattern])
    const { status, stderr } = place.record(script, args)
    t.equal(status, 0, stderr)
    t.equal(place.differences(...excludes), '')
  })

void t.test('a tree far deeper than descriptors and calls go', async (t) => {
  const place = new JournalPlace(t)
  const depth = 4000
  const deep = `use strict; mkdir "tmp"; chdir "tmp";
    for (1..${depth}) { mkdir "d"; chdir "d" }; open(my $f, ">", "f"); print $f "x"`
  place.prepare(`perl -e '${deep}'`, '/tmp')
  const { status, stderr } = place.record('ulimit -n 200; mv tmp z; mv z tmp', ['--exclude=/tmp'])
  t.equal(status, 0, stderr)
  const names = place.messages().map(({ name }) => name)
  const count = (wanted: string) => names.filter((name) => name === wanted).length
  t.equal(count('mkdir'), depth + 1)
  t.equal(count('rmdir'), depth + 1)
  t.equal(count('create'), 1)
  t.equal(place.differences('/tmp'), '')
  t.teardown(() => place.sh(`rm -rf '${place.store}/tmp'`))
})
