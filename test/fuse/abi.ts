// Every struct against test vectors that a C compiler made from the kernel's header.

import { readFileSync } from 'node:fs'
import t from 'tap'
import * as fuse from '#fuse'
import type { Fields, Struct } from '#schema'
import { readVectors } from '../support/abi-vectors.js'

const isStruct = (value: unknown): value is Struct<Fields> =>
  typeof value === 'object' && value !== null && 'decode' in value && 'fields' in value
const structs: [string, Struct<Fields>][] = []
for (const [name, value] of Object.entries<unknown>({ ...fuse })) {
  if (isStruct(value)) structs.push([name, value])
}
const vectors = readVectors()

void t.test('every struct has its vectors', async (t) => {
  t.same(structs.map(([name]) => name).sort(), [...vectors.keys()].sort())
  t.ok(structs.length > 50)
})

for (const [name, layout] of structs) {
  void t.test(name, async (t) => {
    const { size, bytes, values } = vectors.get(name)!
    t.equal(layout.size, size)
    t.equal(bytes.length, size)
    t.same(layout.decode(bytes), values)
    const encoded = Buffer.alloc(size + 16, 0xff)
    layout.encode(encoded, 8, values)
    t.equal(encoded.subarray(8, 8 + size).toString('hex'), bytes.toString('hex'))
    t.equal(encoded.subarray(0, 8).toString('hex'), 'f'.repeat(16), 'nothing before it')
    t.equal(encoded.subarray(8 + size).toString('hex'), 'f'.repeat(16), 'nothing behind it')
    for (let i = 0; i < size; i++) {
      const flipped = Buffer.from(bytes)
      flipped[i]! ^= 1
      t.notSame(layout.decode(flipped), values, `byte ${i} counts`)
    }
  })
}

void t.test('flags and opcodes are those of the kernel header', async (t) => {
  const ours = new Map<string, number>()
  const { fattr, fopen, fuseAttr, fuseRelease, fuseWrite, notifyCodes } = fuse
  const tables = [fattr, fopen, fuseAttr, fuseRelease, fuseWrite, notifyCodes]
  for (const table of tables) for (const [name, bit] of Object.entries(table)) ours.set(name, bit)
  for (const [name, bit] of Object.entries(fuse.initFlagBits)) ours.set(name, 2 ** bit)
  for (const [name, { opcode }] of Object.entries(fuse.opcodes)) ours.set(name, opcode)
  let compared = 0
  const file = new URL('../../../test/fuse/abi-constants.txt', import.meta.url)
  for (const [, name, value] of readFileSync(file, 'utf8').matchAll(/^(\w+) (\d+)$/gmu)) {
    const mine = ours.get(name!)
    if (mine === undefined) continue
    compared++
    t.equal(mine, Number(value), name!)
  }
  t.ok(compared > 110, `${compared} compared`)
})
