// A mirror over ssh, through an sshd of the script's own; and over what stands in for it.

import t from 'tap'
import { commandsWithout, Example } from '../support/example.js'
import { tempDirectory } from '../support/temp-directory.js'

t.setTimeout(300_000)

void t.test('through sshd', async (t) => {
  const example = new Example(t, 'over-ssh.sh')
  t.equal(await example.ended, 0, example.said)
  t.equal(example.said, 'by ssh, through an sshd of this script\nequal: store and copy, 3 names\n')
  t.strictSame(example.leftovers(), [])
})

void t.test('where there is no ssh', async (t) => {
  const env = { PATH: commandsWithout(tempDirectory(t).path, ['ssh']) }
  const example = new Example(t, 'over-ssh.sh', [], { env })
  t.equal(await example.ended, 0, example.said)
  t.match(example.said, /^without ssh.*\nequal: store and copy, 3 names\n$/)
  t.strictSame(example.leftovers(), [])
})
