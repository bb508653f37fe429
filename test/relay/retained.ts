import t from 'tap'
import { flag, sealChecksum } from '#wire'
import { Retained } from '../../packages/relay/retained.js'
import { messageOf, StreamWriter } from '../support/stream-writer.js'

/** A message that asks to be kept, of a type that a later version may have. */
function kept(type: number, seq: number, size = 32, epoch = 7): Buffer {
  const message = Buffer.alloc(size)
  messageOf('tick', {}, { seq, epoch }).copy(message)
  message.writeUInt32LE(size)
  message.writeUInt16LE(type, 4)
  message.writeUInt16LE(flag.RETAIN, 6)
  sealChecksum(message)
  return message
}

const hello = new StreamWriter(7).messages[0] as Buffer

void t.test('the newest of each type, hello first', async (t) => {
  const retained = new Retained()
  t.same(retained.all, [])
  retained.keep(hello)
  const [a, b, c] = [kept(0x900, 5), kept(0x901, 6), kept(0x900, 9)] as const
  for (const message of [a, b, c]) retained.keep(message)
  t.same(retained.all, [hello, b, c])
  t.same(retained.since(7, 7), [c])
  t.same(retained.since(8, 1), [])
})

void t.test('copies: the window is used again', async (t) => {
  const retained = new Retained()
  const message = Buffer.from(hello)
  retained.keep(message)
  message.fill(0)
  t.same(retained.all, [hello])
})

void t.test(
  'a new epoch has nothing of the one before, and its end is kept till then',
  async (t) => {
    const retained = new Retained()
    const bye = messageOf('bye', {}, { seq: 6 })
    for (const message of [hello, kept(0x900, 5), bye]) retained.keep(message)
    t.same(retained.all, [hello, kept(0x900, 5), bye])
    const next = new StreamWriter(8).messages[0] as Buffer
    retained.keep(next)
    t.same(retained.all, [next])
  },
)

void t.test('bounded: those that were kept longest go, hello never', async (t) => {
  const retained = new Retained()
  retained.keep(hello)
  for (let i = 0; i < 10; i++) retained.keep(kept(0x900 + i, 2 + i, 1 << 20))
  const { all } = retained
  t.equal(all.length, 4)
  t.same(all[0], hello)
  t.same(all[3], kept(0x909, 11, 1 << 20))
})
