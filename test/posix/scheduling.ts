import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import t from 'tap'
import { setTimeSlice } from '#posix'

const shown = '/proc/thread-self/sched'
const [major = 0, minor = 0] = release().split('.').map(Number)
const isShown = existsSync(shown) && readFileSync(shown, 'latin1').includes('se.slice')
const isThere = isShown && (major > 6 || (major === 6 && minor >= 12))

const slice = () => Number(/^se\.slice\s*:\s*(\d+)$/m.exec(readFileSync(shown, 'latin1'))?.[1])

void t.test('a thread sets its slice', { skip: !isThere && 'it is not shown here' }, (t) => {
  const before = slice()
  t.equal(setTimeSlice(100_000_000), 0)
  t.equal(slice(), 100_000_000)
  t.equal(setTimeSlice(0), 0)
  t.equal(slice(), before, 'the one of the system again')
  t.end()
})

void t.test('nothing else changes', (t) => {
  const priority = () => readFileSync('/proc/thread-self/stat', 'latin1').split(' ').slice(17, 19)
  const before = priority()
  setTimeSlice(100_000_000)
  t.same(priority(), before)
  setTimeSlice(0)
  t.same(priority(), before)
  t.end()
})
