// A stream in a file, replayed in full and up to a point in time.

import t from 'tap'
import { Example } from '../support/example.js'

t.setTimeout(300_000)

void t.test('what was lost by accident is there again', async (t) => {
  const example = new Example(t, 'record-and-replay.sh')
  t.equal(await example.ended, 0, example.said)
  t.match(example.said, /left in the store: numbers\n/)
  t.match(example.said, /recorded: epoch \d+: messages 1 to \d+, .*, bye\n/)
  t.match(example.said, /equal: store and copy, 2 names\n/)
  t.match(example.said, /again there: drafts\/1 drafts\/2\n/)
  t.match(example.said, /equal: store and rescued, 2 names\n$/)
  t.strictSame(example.leftovers(), [])
})
