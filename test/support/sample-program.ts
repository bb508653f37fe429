// A program for the tests of what all programs share: its operand says how it is to behave.

import { openOutput, openSource, openStreamOutput, runProgram, UsageError } from '#cli'
import { WireError } from '#wire'
import assert from 'node:assert'
import { once } from 'node:events'

const behaviours: Record<string, () => unknown> = {
  done: () => 0,
  no: () => 1,
  wire: () => {
    throw new WireError('EWIRE_CRC', 'a bit fell over', { seq: 7, offset: 320 })
  },
  usage: () => {
    throw new UsageError('--x: is not what it should be\x1b[31m')
  },
  world: () => {
    throw Object.assign(new Error('something broke'), { code: 'EBROKEN' })
  },
  system: () => openSource('/proc/self/mem/x'),
  ours: () => assert.equal(1, 2),
  type: () => (undefined as unknown as string).length,
  uncaught: () => {
    setTimeout(() => {
      throw new Error('out of nowhere')
    }, 1)
    return untilTerminated()
  },
  rejected: () => {
    void Promise.reject(new Error('promised in vain'))
    return untilTerminated()
  },
  signal: () => untilTerminated(),
  flood: async () => {
    const output = openOutput()
    const failed = once(output, 'error')
    for (;;) {
      if (output.write('x'.repeat(65536))) continue
      const [error] = (await Promise.race([failed, once(output, 'drain')])) as unknown[]
      if (error) throw error
    }
  },
  stream: () => {
    openStreamOutput().end('bytes')
    return 0
  },
  big: () => {
    openOutput().end('y'.repeat(3_000_000))
    return 0
  },
}

/** Cleans up, in its way, at SIGTERM. */
async function untilTerminated() {
  const terminated = once(process, 'SIGTERM')
  const timer = setTimeout(() => undefined, 60_000)
  process.stderr.write('ready\n')
  await terminated
  clearTimeout(timer)
  process.stderr.write('cleaned up\n')
  return { exitCode: 0, signal: 'SIGTERM' as const }
}

await runProgram({
  name: 'sample',
  usage: '[OPTIONS] BEHAVIOUR',
  summary: 'Behaves as it is told.',
  operands: { min: 1, max: 1 },
  options: { times: { type: 'string', describe: 'How often', requiresArg: true } },
  examples: [['sample done', 'ends well']],
  errors: { EBROKEN: 'no' },
  async run([how = ''], _options, { log }) {
    log('told', how)
    log.verbose('verbose', how)
    const end = await behaviours[how]?.()
    return end as number
  },
})
