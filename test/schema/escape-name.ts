import t from 'tap'
import { escapeName } from '#schema'

const cases: [Buffer | string, string][] = [
  ['', ''],
  ['plain name.txt', 'plain name.txt'],
  ['-rf', '-rf'],
  ['ünï日本😀', 'ünï日本😀'],
  ['a\nb\tc\rd', String.raw`a\nb\tc\rd`],
  ['back\\slash', String.raw`back\\slash`],
  ['\x1b[31m', String.raw`\x1b[31m`],
  ['\x7f\x9b', String.raw`\x7f\xc2\x9b`],
  ['\u202etxt', String.raw`\xe2\x80\xaetxt`],
  ['line\u2028end', String.raw`line\xe2\x80\xa8end`],
  [Buffer.from([0xff, 0xff]), String.raw`\xff\xff`],
  [Buffer.from('é日', 'utf8').subarray(0, 4), String.raw`é\xe6\x97`],
  [Buffer.from([0x61, 0xc3]), String.raw`a\xc3`],
  [Buffer.from([0xc0, 0xaf]), String.raw`\xc0\xaf`],
  [Buffer.from([0xed, 0xa0, 0x80]), String.raw`\xed\xa0\x80`],
  ['\ufffd', '\\xef\\xbf\\xbd'],
]

for (const [name, shown] of cases) t.equal(escapeName(name), shown, `gives ${shown}`)

void t.test('every byte, alone and in pairs: printable, and no two alike', (t) => {
  const seen = new Set<string>()
  for (let n = 0; n < 0x10100; n++) {
    const name = n < 0x100 ? Buffer.from([n]) : Buffer.from([(n - 0x100) >> 8, n & 0xff])
    const shown = escapeName(name)
    if (/[\p{C}\p{Zl}\p{Zp}]/u.test(shown)) t.fail(`${name.toString('hex')} is shown raw`)
    seen.add(shown)
  }
  t.equal(seen.size, 0x10100)
  t.end()
})
