// Random requests, from a seed that is printed: TFS_SEED=N repeats a run.

import t from 'tap'
import { HANDED_OFF, opcodes, PENDING, type Handlers } from '#fuse'
import { errno } from '#posix'
import { FakeKernel, serveAll } from '../support/fake-kernel.js'
import { seed } from '../support/seed.js'

void t.test('20,000 random requests: none kills the session, none is answered twice', async (t) => {
  t.comment(`TFS_SEED=${seed}`)
  let state = seed
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const numbers = Object.values(opcodes).map(({ opcode }) => opcode as number)
  const outcomes = [0, -errno.ENOENT, PENDING, HANDED_OFF, 99, NaN]
  const handlers = Object.fromEntries(
    Object.keys(opcodes).map((name) => [
      name,
      () => {
        if (random(10) === 0) throw new Error('random')
        return outcomes[random(outcomes.length)]
      },
    ]),
  ) as Handlers
  for (let round = 0; round < 200; round++) {
    const kernel = new FakeKernel()
    kernel.init()
    const sent = new Map<number, number>()
    for (let i = 0; i < 100; i++) {
      const opcode = random(20) === 0 ? random(2 ** 32) : numbers[random(numbers.length)]!
      if (opcode === opcodes.FUSE_INIT.opcode) continue
      const body = Buffer.from(Array.from({ length: random(120) }, () => random(256)))
      const header = random(10) === 0 ? { total_extlen: random(8) } : {}
      sent.set(kernel.request(opcode, [body], header), opcode)
    }
    serveAll(kernel, { handlers, onError: () => {}, onInterrupt: () => {} })
    const found = strangers(kernel.answers().slice(1), sent)
    if (found.length > 0) t.fail(`answered twice, or never asked: ${found.join(' ')}`)
    kernel.end()
  }
  t.pass()
})

/** Answers to what nobody asked, and second answers. */
function strangers(answers: readonly { unique: number }[], sent: Map<number, number>): number[] {
  const open = new Set(sent.keys())
  return answers.filter(({ unique }) => !open.delete(unique)).map(({ unique }) => unique)
}

void t.test('canary: the check above can fail', async (t) => {
  const sent = new Map([
    [2, 1],
    [4, 1],
  ])
  t.same(strangers([{ unique: 2 }], sent), [])
  t.same(strangers([{ unique: 2 }, { unique: 4 }, { unique: 2 }, { unique: 6 }], sent), [2, 6])
})
