// Lines of JSON: what they look like, the identical bytes back, and what is wrong in a bad one.

import t from 'tap'
import { codecs, fromJson, seal, sealChecksum, toJson } from '#wire'
import { messageOf } from '../support/stream-writer.js'

void t.test('a message is one line of ASCII with its fields by name', async (t) => {
  const message = messageOf(
    'write',
    { path: 'a/\u00e9\n\ufeff\ufffd\u{1f600}', data: 'ab' },
    { seq: 3 },
  )
  const line = toJson(message)
  t.equal(
    line,
    '{"type":"write","seq":3,"epoch":7,"time":"1700000000.000000000","body":' +
      '{"path":"a/\\u00e9\\n\\ufeff\\ufffd\\ud83d\\ude00","offset":0,"data":{"base64":"YWI="}}}',
  )
  t.ok(fromJson(line).equals(message))
})

void t.test('names that are not UTF-8 are hex, and come back exactly', async (t) => {
  for (const name of ['ff', 'c3', 'eda080', 'c080', '61ff62', 'efbfbdff', 'f4908080']) {
    const message = messageOf('mkdir', { path: Buffer.from(name, 'hex') }, { seq: 2 })
    t.match(toJson(message), `"path":{"hex":"${name}"}`)
    t.ok(fromJson(toJson(message)).equals(message), name)
  }
})

void t.test('times keep every nanosecond', async (t) => {
  for (const [sec, nsec] of [
    [0, 0],
    [0, 1],
    [1_700_000_000, 999_999_999],
    [18446744073, 709551615],
  ] as const) {
    const message = Buffer.alloc(32)
    seal(message, codecs.tick.encode(message, {}), 2, { sec, nsec }, 1)
    t.match(toJson(message), `"time":"${sec}.${String(nsec).padStart(9, '0')}"`)
    t.ok(fromJson(toJson(message)).equals(message))
  }
})

void t.test('flags stand there where they are not those of the type', async (t) => {
  const message = messageOf('fsync', { path: 'a' }, { seq: 2 })
  message.writeUInt16LE(message.readUInt16LE(6) | 4, 6)
  sealChecksum(message)
  t.match(toJson(message), '"flags":4,"body"')
  t.ok(fromJson(toJson(message)).equals(message))
})

void t.test('a type of a later version keeps its number and its bytes', async (t) => {
  const line =
    '{"type":32768,"seq":9,"epoch":7,"time":"0.000000001","flags":2,"body":{"base64":"YWJj"}}'
  t.equal(toJson(fromJson(line)), line)
  t.equal(fromJson(line).length, 48)
  // So does a known one with flags that only a later version can mean.
  const tick = '{"type":4,"seq":9,"epoch":7,"time":"0.000000001","flags":32,"body":{"base64":""}}'
  t.equal(toJson(fromJson(tick)), tick)
})

void t.test('a line that describes no message is refused with the reason', async (t) => {
  const good = {
    type: 'truncate',
    seq: 2,
    epoch: 7,
    time: '1.000000000',
    body: { path: 'a', size: 1 },
  }
  const line = (change: object) => JSON.stringify({ ...good, ...change })
  fromJson(line({}))
  const cases: [string, RegExp][] = [
    ['', /^not JSON: ""$/],
    ['{"a', /^not JSON: "{\\"a"$/],
    ['[]', /^the line: wanted an object, not \[\]$/],
    ['null', /^the line: wanted an object, not null$/],
    [line({ extra: 1 }), /^"extra" is no field of a message$/],
    [line({ type: 'toString' }), /^type: there is no "toString"$/],
    [line({ type: undefined }), /^type: wanted an integer, not nothing$/],
    [line({ type: 65536, flags: 0 }), /^type: 65536 is out of range, it is from 0 to 65535$/],
    [line({ seq: -1 }), /^seq: -1 is out of range/],
    [line({ seq: 2 ** 53 }), /^seq: wanted an integer/],
    [line({ epoch: 2 ** 32 }), /^epoch: 4294967296 is out of range/],
    [line({ time: 1 }), /^time: wanted "seconds.nanoseconds"/],
    [line({ time: '1.5' }), /^time: wanted/],
    [line({ time: '18446744073.709551616' }), /^time: wanted/],
    [line({ flags: 4096 }), /^flags: 4096 is out of range/],
    [line({ body: undefined }), /^body: wanted an object, not nothing$/],
    [line({ body: { path: 'a' } }), /^size: wanted an integer, not nothing$/],
    [line({ body: { path: 'a', size: 1, x: 1 } }), /^"x" is no field of truncate$/],
    [line({ body: { path: 'a', size: -1 } }), /^size: -1 is out of range/],
    [line({ body: { path: '', size: 1 } }), /^path: 0 bytes, it can have 1 to 32767$/],
    [line({ body: { path: 'a/../b', size: 1 } }), /^path: a component '\.\.' in a path$/],
    [line({ body: { path: 5, size: 1 } }), /^path: wanted an object, not 5$/],
    [line({ body: { path: { hex: 'abc' }, size: 1 } }), /^path: "abc" is not hex$/],
    [line({ body: { path: { hex: '61', base64: 'YQ==' }, size: 1 } }), /^path: wanted a string/],
    [line({ body: { path: {}, size: 1 } }), /^path: wanted a string/],
    [line({ body: { path: { base64: 'YQ' }, size: 1 } }), /^path: "YQ" is not base64$/],
    [line({ body: { path: '\ud800', size: 1 } }), /^path: half a surrogate pair/],
    [line({ type: 1024, flags: 1, body: { hex: '' } }), /newer version/],
    [line({ type: 0x8000, flags: 0, body: { hex: '00'.repeat(1.2 * 2 ** 20) } }), /too many/],
    ['\u001b[31m\u00e9', /^not JSON: "\\u001b\[31m\\u00e9"$/],
  ]
  for (const [bad, reason] of cases)
    t.throws(() => fromJson(bad), { name: 'WireError', reason }, bad.slice(0, 100))
})
