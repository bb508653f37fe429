// Messages at random: what is written is read, whatever it is; and what is damaged is refused, or
// is a message as well.

import t from 'tap'
import {
  checkMessage,
  codecs,
  decodeAny,
  decodeMessage,
  fromJson,
  messageTable,
  toJson,
  toText,
  WireError,
} from '#wire'
import type { Body, Codec, MessageName, Row } from '#wire'
import { mutate, randomMessage } from '../support/random-message.js'
import { seeded } from '../support/seed.js'

const names = Object.keys(messageTable) as MessageName[]

type Encode = (name: MessageName, out: Buffer, body: Body) => number

const encode: Encode = (name, out, body) => (codecs[name] as Codec).encode(out, body)

/** What does not come back as it was, or undefined. */
function roundTripFault(message: Buffer, encoder = encode): string | undefined {
  const decoded = decodeMessage(message)
  if (!decoded) return 'not known'
  const again = Buffer.alloc(message.length, 0xaa)
  const size = encoder(decoded.name, again, decoded.body)
  if (size !== message.length) return `${size} bytes`
  if (!again.subarray(32).equals(message.subarray(32))) return 'another body'
  const line = toJson(message)
  if (!/^[ -~]+$/.test(line)) return 'JSON that is not ASCII'
  if (!fromJson(line).equals(message)) return 'other bytes from JSON'
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(toText(message))) return 'text that is not printable'
  return undefined
}

void t.test('each type, both ways, by bytes and by JSON', async (t) => {
  const rng = seeded(t)
  const seen = new Set<string>()
  for (const name of names)
    for (let i = 0; i < 300; i++) {
      const message = randomMessage(rng, name)
      const fault = roundTripFault(message)
      if (fault) t.fail(`${fault}: ${message.subarray(0, 200).toString('hex')}`)
      for (const [key, field] of Object.entries((messageTable[name] as Row).fields)) {
        const value = (decodeMessage(message)!.body as Record<string, number | Buffer>)[key]!
        const size = typeof value === 'number' ? value : value.length
        if (size === field.min) seen.add(`${name}.${key} min`)
        if (size === field.max) seen.add(`${name}.${key} max`)
      }
    }
  // The generator gets to the ends of the numbers, else this shows less than it says.
  for (const name of names)
    for (const [key, field] of Object.entries((messageTable[name] as Row).fields))
      if (field.kind === 'number')
        for (const end of ['min', 'max'])
          t.ok(seen.has(`${name}.${key} ${end}`), `${name}.${key} ${end}`)
})

void t.test('the canary: an encoder with a fault is found', async (t) => {
  const rng = seeded(t)
  const faulty: Encode = (name, out, body) => {
    const size = encode(name, out, body)
    // As one does that writes seven of eight bytes.
    if (name === 'truncate') out[38] = 0
    return size
  }
  let found = 0
  for (let i = 0; i < 300; i++)
    if (roundTripFault(randomMessage(rng, 'truncate'), faulty) !== undefined) found++
  t.ok(found > 50 && found < 300, `${found} of 300`)
})

const refusal = (message: Buffer): WireError | undefined => {
  try {
    checkMessage(message)
    decodeAny(message)
    return undefined
  } catch (error) {
    if (error instanceof WireError) return error
    throw error
  }
}

void t.test('a damaged message is refused, or is one', async (t) => {
  const rng = seeded(t)
  const codes = new Map<string, number>()
  for (let i = 0; i < 50_000; i++) {
    const damaged = mutate(rng, randomMessage(rng, i % 4 ? undefined : 'rename'))
    const before = Buffer.from(damaged)
    const error = refusal(damaged)
    const code = error?.code ?? 'taken'
    codes.set(code, (codes.get(code) ?? 0) + 1)
    if (!damaged.equals(before)) t.fail(`changed: ${before.toString('hex')}`)
    if (error) continue
    // What is taken can be told, and is all that the bytes say.
    if (!fromJson(toJson(damaged)).equals(damaged)) t.fail(damaged.toString('hex'))
    toText(damaged)
  }
  t.comment([...codes].map(([code, count]) => `${code} ${count}`).join(', '))
  for (const code of [
    'taken',
    'EWIRE_SIZE',
    'EWIRE_CRC',
    'EWIRE_PADDING',
    'EWIRE_BODY',
    'EWIRE_FIELD',
    'EWIRE_TYPE',
  ])
    t.ok(codes.get(code), code)
})
