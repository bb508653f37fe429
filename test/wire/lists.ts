// Lists in messages: both ways, cut anywhere, out of order.

import t from 'tap'
import { decodeNames, decodeXattrs, encodeNames, encodeXattrs, messageTable } from '#wire'

const bytes = (text: string) => Buffer.from(text, 'latin1')
const names = messageTable['assert-dir'].fields.names
const xattrs = messageTable['assert-file'].fields.xattrs

void t.test('names of a directory', async (t) => {
  const entries = [
    { type: 0o040000, name: bytes('a') },
    { type: 0o120000, name: bytes('a\xff') },
    { type: 0o100000, name: Buffer.alloc(255, 'b') },
  ]
  const list = encodeNames(entries)
  // type, length, name: a directory 'a', a symbolic link of two bytes
  t.equal(list.toString('hex', 0, 8), '0401' + '61' + '0a02' + '61ff' + '08')
  t.strictSame(decodeNames(list), entries)
  t.equal(names.fault(list), undefined)
  t.strictSame(decodeNames(encodeNames([])), [])
  t.equal(names.fault(encodeNames([])), undefined)
  const whole = new Set([0, 3, 7, list.length])
  for (let size = 0; size < list.length; size++)
    if (!whole.has(size)) t.match(names.fault(list.subarray(0, size)), /breaks off/, `${size}`)
  const faulty = (name: string, type = 0o040000) => encodeNames([{ type, name: bytes(name) }])
  t.match(names.fault(faulty('')), /empty name/)
  t.match(names.fault(faulty('..')), /'\.\.'/)
  t.match(names.fault(faulty('a/b')), /a \//)
  t.match(names.fault(faulty('a\0')), /NUL/)
  t.match(names.fault(faulty('a', 0o030000)), /a type 3/)
  t.match(names.fault(encodeNames(entries.toReversed())), /order/)
  t.match(names.fault(encodeNames([entries[0]!, entries[0]!])), /order/)
})

void t.test('extended attributes', async (t) => {
  const entries = [
    { name: bytes('user.a'), value: bytes('') },
    { name: bytes('user.b'), value: Buffer.alloc(65536, 'v') },
  ]
  const list = encodeXattrs(entries)
  t.equal(list.toString('hex', 0, 12), '06' + '00000000' + '757365722e61' + '06')
  t.strictSame(decodeXattrs(list), entries)
  t.equal(xattrs.fault(list), undefined)
  t.equal(xattrs.fault(encodeXattrs([])), undefined)
  for (const size of [1, 4, 5, 10, 12, 16, 30, list.length - 1])
    t.match(xattrs.fault(list.subarray(0, size)), /breaks off/, `${size}`)
  const faulty = (name: string, value = '') =>
    encodeXattrs([{ name: bytes(name), value: bytes(value) }])
  t.match(xattrs.fault(faulty('')), /without a name/)
  t.match(xattrs.fault(faulty('a\0')), /NUL/)
  t.match(xattrs.fault(faulty('a', 'v'.repeat(65537))), /65537 bytes/)
  t.match(xattrs.fault(encodeXattrs(entries.toReversed())), /order/)
})
