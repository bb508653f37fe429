import t from 'tap'
import { limits, pathFault } from '#wire'

const name255 = 'n'.repeat(255)
const deep = `${'d/'.repeat((limits.pathSizeMax - 1) / 2)}d`

const good: (string | Buffer)[] = [
  '',
  'a',
  'a/b',
  '...',
  '..a',
  'a..',
  '.a',
  'a/...',
  ' ',
  '-rf',
  'new\nline',
  '\u001b[31m',
  'back\\slash',
  name255,
  `${name255}/${name255}`,
  deep,
  Buffer.alloc(255, 0xff),
  Buffer.from([0xc0, 0x80]),
]

const bad: [string | Buffer, RegExp][] = [
  ['/', /empty component/],
  ['/a', /empty component/],
  ['a/', /empty component/],
  ['a//b', /empty component/],
  ['.', /component '\.'/],
  ['./a', /component '\.'/],
  ['a/.', /component '\.'/],
  ['a/./b', /component '\.'/],
  ['..', /component '\.\.'/],
  ['../a', /component '\.\.'/],
  ['a/..', /component '\.\.'/],
  ['a/../b', /component '\.\.'/],
  ['\0', /NUL/],
  ['a\0', /NUL/],
  ['a/b\0/c', /NUL/],
  ['a/..\0', /NUL/],
  [`${name255}n`, /a name of 256 bytes/],
  [`a/${name255}n/b`, /a name of 256 bytes/],
  [`${deep}/d`, /a path of 32769 bytes \(the limit is 32767\)/],
]

for (const path of good)
  t.equal(pathFault(Buffer.from(path as string)), undefined, JSON.stringify(path).slice(0, 40))
for (const [path, why] of bad)
  t.match(pathFault(Buffer.from(path as string)), why, JSON.stringify(path).slice(0, 40))
