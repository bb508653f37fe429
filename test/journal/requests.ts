// What readers of the stream ask the journal for, on its standard input.

import { spawn, spawnSync } from 'node:child_process'
import t from 'tap'
import { codecs, limits, seal } from '#wire'
import { HeadedJournal } from '../support/headed-journal.js'
import { ended, until } from '../support/journal-place.js'
import { messageOf } from '../support/stream-writer.js'

t.setTimeout(120_000)
const at = { seq: 0, epoch: 1 }
const mark = (name: string) => messageOf('want-mark', { name }, at)

/** A message of a type that nobody knows. */
function unknown(flags: number): Buffer {
  const out = Buffer.alloc(64)
  const size = codecs.tick.encode(out, {})
  out.writeUInt16LE(0x03ff, 4)
  out.writeUInt16LE(flags, 6)
  seal(out, size, 0, { sec: 0, nsec: 0 }, 1)
  return out.subarray(0, size)
}

async function started(t: { teardown(end: () => unknown): void }): Promise<HeadedJournal> {
  const journal = new HeadedJournal(t)
  await journal.start()
  return journal
}

const isMark = (journal: HeadedJournal, name: string) => () =>
  journal.sh('cat .tfs/mark') === `${name}\n`

void t.test(
  'marks are set as asked for, in any pieces, and what is not known is skipped',
  async (t) => {
    const journal = await started(t)
    const bytes = Buffer.concat([mark('one'), unknown(0), mark('two'), mark('three')])
    for (const byte of bytes) {
      journal.child.stdin!.write(Buffer.of(byte))
      if (byte % 16 === 0) await new Promise(setImmediate)
    }
    await until('marked', isMark(journal, 'three'))
    for (let i = 0; i < 50; i++) journal.child.stdin!.write(mark(`m${i}`))
    await until('marked', isMark(journal, 'm49'))
    journal.child.stdin!.end(mark('last'))
    await until('marked', isMark(journal, 'last'))
    t.notMatch(journal.said, 'standard input')
    t.equal(await journal.end(), 'SIGTERM')
  },
)

const rubbish: Record<string, readonly [Buffer, RegExp]> = {
  text: [Buffer.from('hello, world. '.repeat(10)), /a message cannot have/],
  'a flipped bit': [flipped(mark('x')), /the checksum is/],
  'half a message': [mark('x').subarray(0, 20), /it ends inside a message/],
  'a message of another kind': [messageOf('mkdir', { path: 'd', mode: 0o755 }, at), /mkdir/],
  'one that must be known': [unknown(1), /newer version/],
  'a subscription': [messageOf('subscribe', { epoch: 1, seq: 1 }, at), /subscribe/],
  'more than a request has': [
    messageOf('write', { path: 'f', data: Buffer.alloc(limits.dataSizeMax) }, at),
    /more than the 65536/,
  ],
}

function flipped(message: Buffer): Buffer {
  message[40]! ^= 1
  return message
}

for (const [what, [bytes, why]] of Object.entries(rubbish))
  void t.test(`${what} ends the reading, and nothing else`, async (t) => {
    const journal = await started(t)
    journal.child.stdin!.write(mark('before'))
    journal.child.stdin!.write(bytes)
    if (what.startsWith('half')) journal.child.stdin!.end()
    else journal.child.stdin!.write(mark('after'))
    await until('said', () => journal.said.includes('standard input: is not read any more'))
    t.match(journal.said, why)
    await until('marked', isMark(journal, 'before'))
    t.equal(journal.sh('echo x > f; cat f'), 'x\n')
    t.equal(await journal.end(), 'SIGTERM')
  })

void t.test('SIGUSR1 prints the status', async (t) => {
  const journal = await started(t)
  journal.child.kill('SIGUSR1')
  await until('printed', () => journal.said.includes('\n}\n'))
  const { position } = journal.status()
  const text = journal.said.slice(journal.said.indexOf('{'), journal.said.lastIndexOf('}') + 1)
  t.match(JSON.parse(text), { program: 'tfs-journal', position: { epoch: position.epoch } })
  spawnSync('umount', [journal.mount], { timeout: 60_000 })
  t.equal(await ended(journal.child), 0)
})

void t.test('SIGUSR1 is answered also while the mount waits for its reader', async (t) => {
  const journal = new HeadedJournal(t)
  const once = `mkdir '${journal.dir}/first' 2> /dev/null && exec sleep 60`
  await journal.start('--exec', `${once}; exec cat > /dev/null`)
  const script = 'head -c 4000000 /dev/zero > f'
  const writer = spawn('sh', ['-c', script], { cwd: journal.mount, stdio: 'ignore' })
  await until('waits', () => journal.said.includes('its reader takes nothing'))
  journal.child.kill('SIGUSR1')
  await until('told', () => journal.said.includes('the status: cannot be told now'))
  journal.child.kill('SIGHUP')
  t.equal(await ended(writer), 0, 'it goes on once that reader is gone')
  t.equal(await journal.end(), 'SIGTERM')
})
