// Messages that a mirror misses while it is being made whole: what was stated before them is of no
// use, also where all of it had come but for content that is asked for.

import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { errno } from '#posix'
import { file, type StatedStream } from '../support/stated-stream.js'
import { replayStated } from '../support/stated-stream.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

function takeUp(stream: StatedStream, previousSeq: number): void {
  const next = new StreamWriter(stream.epoch + 1000, { epoch: stream.epoch, seq: previousSeq })
  stream.messages.push(...next.add('tick').messages)
  stream.epoch = next.epoch
  stream.seq = next.seq
}

const losses: Record<string, (stream: StatedStream) => unknown> = {
  'a gap'(s) {
    s.seq += 8
    s.add('gap', { from: s.seq - 7, to: s.seq + 1 })
  },
  'a hello that does not follow on'(s) {
    s.bye()
    takeUp(s, s.seq + 5)
  },
  'an abort of a relay'(s) {
    s.add('abort', { errno: errno.ENODATA, reason: 'lost' })
    takeUp(s, s.seq)
  },
}

for (const [what, lose] of Object.entries(losses))
  void t.test(`${what} has all stated anew`, async (t) => {
    const { path: root } = tempDirectory(t)
    fs.writeFileSync(join(root, 'f'), 'one')
    const { asked, said, result, error } = await replayStated(root, (s) => {
      s.directory('', { f: file }).hashed('f', 'two').end()
      lose(s)
    })
    const all = asked.filter(({ depth }) => depth === 1)
    t.match(all, [{ form: 1 }, { form: 1 }], [...said, error].join('\n'))
    t.match(result, { isIncomplete: true })
  })
