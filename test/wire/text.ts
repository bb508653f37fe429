// Lines of text: one for each message, printable whatever is in it.

import t from 'tap'
import { fromJson, protocolMagic, sealChecksum, toText, which } from '#wire'
import { messageOf } from '../support/stream-writer.js'

const start = '1970-01-01T00:00:00.000000000Z'
const at = { seq: 12, sec: 1_700_000_000 }

void t.test('each line has number, time, name and what the message says', async (t) => {
  const cases: [Buffer, string][] = [
    [
      messageOf('create', { path: 'a "b"\n', mode: 0o644, uid: 1, mtimeSec: -1, mtimeNsec: 5 }, at),
      String.raw`create         "a \"b\"\n" mode=0644 uid=1 gid=0 ` +
        `mtime=1969-12-31T23:59:59.000000005Z dirMtime=${start}`,
    ],
    [
      messageOf('write', { path: 'f', offset: 5, data: 'x'.repeat(40) }, at),
      `write          "f" offset=5 40 bytes "${'x'.repeat(32)}"...`,
    ],
    [
      messageOf('write', { path: 'f', data: Buffer.from('ff0a', 'hex') }, at),
      String.raw`write          "f" offset=0 2 bytes "\xff\n"`,
    ],
    [
      messageOf(
        'setattr',
        { path: '', which: which.MODE | which.MTIME, mode: 0o4755, mtimeSec: 1e13 },
        at,
      ),
      'setattr        "" which=MODE|MTIME mode=04755 mtime=@10000000000000.000000000',
    ],
    [
      messageOf('rename', { path: 'a', newPath: 'b', flags: 2 }, at),
      `rename         "a" -> "b" flags=EXCHANGE dirMtime=${start} newDirMtime=${start}`,
    ],
    [
      messageOf('setxattr', { path: 'a', name: 'user.x', value: '' }, at),
      'setxattr       "a" name="user.x" 0 bytes',
    ],
    [
      messageOf('abort', { errno: 28, reason: '\u001b[31m' }, at),
      String.raw`abort          errno=28 reason="\x1b[31m"`,
    ],
    [messageOf('bye', {}, at), 'bye'],
    [
      fromJson(
        '{"type":32769,"seq":12,"epoch":7,"time":"1700000000.000000000","flags":6,' +
          '"body":{"hex":"61"}}',
      ),
      'type 0x8001    epoch=7 1 bytes "a" header.flags=RETAIN|ASSERT',
    ],
  ]
  for (const [message, text] of cases)
    t.equal(toText(message), `      12  2023-11-14T22:13:20.000000000Z  ${text}`)
})

void t.test('flags that are not those of the type are told', async (t) => {
  const message = messageOf('tick', {}, at)
  message.writeUInt16LE(message.readUInt16LE(6) | 0x24, 6)
  sealChecksum(message)
  t.match(toText(message), /type 0x0004 .* header.flags=ASSERT\|0x20$/)
})

void t.test('an epoch is told where it begins', async (t) => {
  const body = { magic: protocolMagic, version: 1, source: 'host:/x' }
  t.match(
    toText(messageOf('hello', body, at)),
    / hello          epoch=7 previousEpoch=0 previousSeq=0 source="host:\/x"$/,
  )
})
