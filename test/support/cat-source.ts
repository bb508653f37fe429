// Copies a SOURCE to standard output, as a program of the project reads and writes.

import pump from 'pump'
import { openOutput, openSource, runProgram } from '#cli'

await runProgram({
  name: 'cat-source',
  usage: 'SOURCE',
  summary: 'Copies SOURCE to standard output.',
  operands: { min: 1, max: 1 },
  options: {},
  examples: [],
  async run([source = '']) {
    const { stream } = await openSource(source)
    await new Promise<void>((resolve, reject) => {
      pump(stream, openOutput(), (error) => (error ? reject(error) : resolve()))
    })
    return 0
  },
})
