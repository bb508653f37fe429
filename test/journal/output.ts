// The stream's way out where it is not as usual.

import t from 'tap'
import { ended, JournalPlace, until } from '../support/journal-place.js'

const script = 'head -c 3000000 /dev/urandom > big; cp big copy; mkdir d; seq 10000 > d/f'

void t.test('a pipe of another user, which cannot be opened anew', async (t) => {
  const place = new JournalPlace(t)
  // Slower than the writer.
  const child = place.startInto('sleep 1; cat > "$1"', ['--run', script], 'reopen:1:EACCES')
  t.equal(await ended(child), 0)
  t.equal(place.differences(), '')
})

void t.test('an end that does not wait for the reader of such a pipe', async (t) => {
  const place = new JournalPlace(t)
  const child = place.startInto('exec sleep 60', [], 'reopen:1:EACCES')
  await place.mounted(child)
  // More than the pipe holds, which nobody reads: the writer waits.
  place.sh(`head -c 3000000 /dev/zero > '${place.mount}/f' 2> /dev/null & sleep 1`)
  place.signal('SIGTERM')
  await new Promise((resolve) => setTimeout(resolve, 500))
  place.signal('SIGTERM')
  await until('unmounted', () => !place.isMounted)
  await until('ended', () => !place.isRunning)
})

void t.test('SIGUSR2 does not wait for a reader that is gone', async (t) => {
  const place = new JournalPlace(t)
  const child = place.startInto('sleep 3', ['-v'])
  await place.mounted(child)
  let errors = ''
  child.stderr!.on('data', (data) => (errors += String(data)))
  // Never read; it stays in the pipe.
  place.sh(`echo x > '${place.mount}/x'`)
  place.signal('SIGUSR2')
  await until('stands still', () => errors.includes('stands still'))
  t.match(errors, 'its reader is gone')
  place.signal('SIGCONT')
  t.equal(place.sh(`timeout 20 cat '${place.mount}/x'`), 'x\n')
  place.signal('SIGTERM')
  await until('unmounted', () => !place.isMounted)
})
