import t from 'tap'
import { LimitedLog } from '../../packages/relay/limited-log.js'

void t.test('ten lines of a kind a minute, the others as a number', async (t) => {
  const lines: string[] = []
  const say = (what: string, why: string) => void lines.push(`${what}: ${why}`)
  let nowMs = 0
  const log = new LimitedLog(Object.assign(say, { verbose: say }), () => nowMs)
  for (let i = 0; i < 25; i++) log.warn('cut clients', `client ${i}`, 'cut')
  t.equal(lines.length, 10)
  log.warn('slow clients', 'client 1', 'slow')
  t.equal(lines.at(-1), 'client 1: slow', 'another kind has lines of its own')
  nowMs = 59_999
  log.warn('cut clients', 'client 26', 'cut')
  t.equal(lines.length, 11)
  nowMs = 60_000
  log.warn('cut clients', 'client 27', 'cut')
  t.same(lines.slice(11), ['cut clients: 16 more were not logged', 'client 27: cut'])
  for (let i = 0; i < 12; i++) log.warn('cut clients', 'client', 'cut')
  log.close()
  t.equal(lines.at(-1), 'cut clients: 3 more were not logged')
  log.info('client 1', 'has left')
  t.equal(lines.at(-1), 'client 1: has left')
})
