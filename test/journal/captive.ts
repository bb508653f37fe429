// Captive mode where things go wrong: signals before and after the command, a session that fails.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { ended, JournalPlace, until } from '../support/journal-place.js'

void t.test('a signal when the command is gone leaves no dead mount', async (t) => {
  const place = new JournalPlace(t)
  // What it leaves running keeps the mount busy.
  const child = place.start(['--run', 'sleep 60 & echo $! > ../sleeper'])
  await until('ended', () => /^\d+\n/.test(readQuietly(`${place.dir}/sleeper`)))
  await new Promise((resolve) => setTimeout(resolve, 300))
  child.kill('SIGTERM')
  t.equal(await ended(child), 'SIGTERM')
  t.notOk(place.isMounted)
  t.equal(place.messages().at(-1)?.name, 'bye')
})

void t.test('a signal at any moment of the start leaves no dead mount', async (t) => {
  const place = new JournalPlace(t)
  for (let delayMs = 100; delayMs < 1000; delayMs += 150) {
    const child = place.start(['--run', 'sleep 60'])
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    child.kill('SIGTERM')
    t.equal(await ended(child), 'SIGTERM', `after ${delayMs} ms`)
    t.notOk(place.isMounted)
  }
})

void t.test('a second signal ends a command that takes no notice of the first', async (t) => {
  const place = new JournalPlace(t)
  const child = place.start(['--run', 'trap "" TERM; echo > started; while :; do sleep 0.1; done'])
  await until('started', () => readQuietly(`${place.store}/started`) === '\n')
  child.kill('SIGTERM')
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(child.exitCode, null)
  child.kill('SIGTERM')
  t.equal(await ended(child), 'SIGTERM')
  t.notOk(place.isMounted)
})

void t.test('a session that cannot begin ends it all before the command begins', async (t) => {
  const place = new JournalPlace(t)
  const { status, stderr } = place.record('touch begun', [], 'dup:1:EIO')
  t.equal(status, 111)
  t.match(stderr, 'the output')
  t.notOk(place.isMounted)
  t.equal(place.sh(`ls '${place.store}'`), '')
})

void t.test('a session that dies later gives the command an error, not a hang', async (t) => {
  const place = new JournalPlace(t)
  const { status, stderr } = place.record('while ls; do sleep 0.05; done', [], 'read:30:EIO:1000')
  t.equal(status, 111, stderr)
  t.notOk(place.isMounted)
  t.equal(place.messages().at(-1)?.name, 'abort')
})

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
