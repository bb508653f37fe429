import { execFileSync } from 'node:child_process'
import t from 'tap'
import * as posix from '#posix'

/** What the script prints as JSON, in a process of its own: most of this changes the process. */
function inChild(script: string): unknown {
  const begin = `const p = await import(${JSON.stringify(import.meta.resolve('#posix'))});`
  const run = `const show = (...values) => console.log(JSON.stringify(values));`
  const args = ['--input-type=module', '-e', `${begin}${run}${script}`]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 }))
}

void t.test('identity', (t) => {
  t.equal(posix.geteuid(), process.geteuid?.())
  t.equal(posix.getegid(), process.getegid?.())
  t.end()
})

void t.test('umask', (t) => {
  t.same(inChild('p.umask(0o27); show(p.umask(0o77), process.umask())'), [0o27, 0o77])
  t.end()
})

void t.test('the clock is the one of Date', (t) => {
  const out = { sec: 0, nsec: 0 }
  const before = Date.now()
  t.equal(posix.realTime(out), out)
  const after = Date.now()
  const ms = out.sec * 1000 + Math.floor(out.nsec / 1e6)
  t.ok(before <= ms && ms <= after, `${before} ${ms} ${after}`)
  t.ok(Number.isInteger(out.nsec) && out.nsec >= 0 && out.nsec < 1e9)
  t.end()
})

void t.test('the limit of descriptors', (t) => {
  const script = `
    const limits = () => /Max open files +([0-9]+) +([0-9]+)/
      .exec((await_fs).readFileSync('/proc/self/limits', 'latin1')).slice(1).map(Number)
    const [soft, hard] = limits()
    const same = p.raiseFileLimit(16)
    const most = p.raiseFileLimit(2 ** 50)
    show(soft === p.fileLimit() || limits()[0] === p.fileLimit(), same >= soft, most >= hard,
      most === limits()[0], p.raiseFileLimit(0) === most)`
  const fs = `const await_fs = await import('node:fs');`
  t.same(inChild(fs + script), [true, true, true, true, true])
  t.end()
})

void t.test('as root', { skip: process.geteuid?.() === 0 ? false : 'needs root' }, (t) => {
  void t.test('a thread can take on the ids by which files are judged', (t) => {
    const script = `
      const fs = await import('node:fs')
      const ids = () => /Uid:\\t.*\\t([0-9]+)\\nGid:\\t.*\\t([0-9]+)\\n/
        .exec(fs.readFileSync('/proc/thread-self/status', 'latin1')).slice(1).map(Number)
      const set = [p.setfsgid(4294967290), p.setfsuid(12345)]
      const taken = ids()
      const back = [p.setfsuid(0), p.setfsgid(0)]
      show(set, taken, back, ids(), p.setfsuid(-1), p.setfsgid(2 ** 32), p.setfsuid(0.5))`
    const invalid = -posix.errno.EINVAL
    const expected = [[0, 0], [12345, 4294967290], [0, 0], [0, 0], invalid, invalid, invalid]
    t.same(inChild(script), expected)
    t.end()
  })
  void t.test('and loses its capabilities with its identity', (t) => {
    const script = `
      const names = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER']
      const before = names.map((name) => p.hasCapability(name))
      process.setgid(65534)
      process.setuid(65534)
      show(before, names.map((name) => p.hasCapability(name)), p.geteuid(), p.setfsuid(0))`
    const gone = [false, false, false]
    t.same(inChild(script), [[true, true, true], gone, 65534, -posix.errno.EPERM])
    t.end()
  })
  t.end()
})
