import { spawnSync } from 'node:child_process'
import t from 'tap'
import { AT_FDCWD, clearFaults, close, errno, fsync, injectFault, mkdirat, openat } from '#posix'
import { O_RDONLY, unlinkat, AT_REMOVEDIR, type FaultCall } from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

t.afterEach(() => clearFaults())

void t.test('the n-th call fails, and does nothing', (t) => {
  const { fd } = tempDirectory(t)
  const name = Buffer.from('a')
  injectFault({ call: 'mkdirat', nth: 2, errno: errno.ENOSPC })
  t.equal(mkdirat(fd, name, 0o755), 0)
  t.equal(unlinkat(fd, name, AT_REMOVEDIR), 0)
  t.equal(mkdirat(fd, name, 0o755), -errno.ENOSPC)
  t.equal(unlinkat(fd, name, AT_REMOVEDIR), -errno.ENOENT)
  t.equal(mkdirat(fd, name, 0o755), 0)
  t.end()
})

void t.test('several times, several faults, and an end to them', (t) => {
  const { fd } = tempDirectory(t)
  injectFault({ call: 'fsync', nth: 1, errno: errno.EIO, times: 2 })
  injectFault({ call: 'fsync', nth: 4, errno: errno.EDQUOT })
  const answers = [fsync(fd), fsync(fd), fsync(fd), fsync(fd), fsync(fd)]
  t.same(answers, [-errno.EIO, -errno.EIO, 0, -errno.EDQUOT, 0])
  injectFault({ call: 'fsync', nth: 1, errno: errno.EIO })
  clearFaults()
  t.equal(fsync(fd), 0)
  t.end()
})

void t.test('a close that is made to fail has closed', (t) => {
  const fd = openat(AT_FDCWD, Buffer.from('/'), O_RDONLY)
  injectFault({ call: 'close', nth: 1, errno: errno.EIO })
  t.equal(close(fd), -errno.EIO)
  t.equal(close(fd), -errno.EBADF)
  t.end()
})

void t.test('what could never strike is refused', (t) => {
  t.throws(() => injectFault({ call: 'rename' as FaultCall, nth: 1, errno: 5 }), RangeError)
  t.throws(() => injectFault({ call: 'fsync', nth: 0, errno: 5 }), RangeError)
  t.throws(() => injectFault({ call: 'fsync', nth: 1.5, errno: 5 }), RangeError)
  t.throws(() => injectFault({ call: 'fsync', nth: 1, errno: -5 }), RangeError)
  t.throws(() => injectFault({ call: 'fsync', nth: 1, errno: 5, times: 0 }), RangeError)
  t.end()
})

void t.test('a program takes its faults from the environment', (t) => {
  const script = `
    const { fsync, fdatasync } = await import(${JSON.stringify(import.meta.resolve('#posix'))})
    const data = [fdatasync(-1), fdatasync(-1), fdatasync(-1)]
    console.log([fsync(0), fsync(-1), fsync(-1), ...data].join())`
  const run = (faults: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, TFS_FAULTS: faults },
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      timeout: 30_000,
    })
  t.equal(run('fsync:2:ENOSPC,fdatasync:1:EIO:2').stdout, '-22,-28,-9,-5,-5,-9\n')
  for (const bad of [
    'fsync',
    'fsync:1',
    'fsync:1:EWHAT',
    'sync:1:EIO',
    'fsync:x:EIO',
    'fsync:1:EIO:1:1',
  ]) {
    const { status, stderr } = run(bad)
    t.not(status, 0, bad)
    t.match(stderr, /RangeError/, bad)
  }
  t.end()
})
