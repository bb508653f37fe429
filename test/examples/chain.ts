// A chain of mirrors, each fed by the one before.

import t from 'tap'
import { Example } from '../support/example.js'

t.setTimeout(300_000)

void t.test('two mirrors in a row equal the source', async (t) => {
  const example = new Example(t, 'chain.sh')
  t.equal(await example.ended, 0, example.said)
  const [said, ...lines] = example.said.split('\n')
  t.match(said, /is taken to be what the source held/)
  t.strictSame(lines, ['equal: store and first, 4 names', 'equal: store and second, 4 names', ''])
  t.strictSame(example.leftovers(), [])
  const usage = new Example(t, 'chain.sh', ['one'])
  t.equal(await usage.ended, 100)
})
