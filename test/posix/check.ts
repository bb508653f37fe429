import { openSync } from 'node:fs'
import t from 'tap'
import { check, errno, systemError, type SystemError } from '#posix'

function thrown(act: () => unknown): SystemError {
  try {
    act()
  } catch (error) {
    return error as SystemError
  }
  throw new Error('nothing was thrown')
}

void t.test('an error is the one that Node would throw', (t) => {
  const node = thrown(() => openSync('/does/not/exist', 'r'))
  const ours = thrown(() => check(-errno.ENOENT, 'open', '/does/not/exist'))
  t.ok(ours instanceof Error)
  t.equal(ours.message, node.message)
  t.equal(ours.code, node.code)
  t.equal(ours.errno, node.errno)
  t.equal(ours.syscall, node.syscall)
  t.equal(ours.path, node.path)
  t.end()
})

void t.test('results pass through', (t) => {
  t.equal(check(0, 'openat'), 0)
  t.equal(check(7, 'openat', Buffer.from('x')), 7)
  t.end()
})

void t.test('without a path there is none', (t) => {
  const error = thrown(() => check(-errno.EBADF, 'fsync'))
  t.equal(error.message, 'EBADF: bad file descriptor, fsync')
  t.notOk('path' in error)
  t.end()
})

void t.test('numbers that Node has no message for', (t) => {
  t.match(
    systemError(errno.EUCLEAN, 'openat').message,
    /^EUCLEAN: structure needs cleaning, openat$/,
  )
  t.match(systemError(3999, 'openat').message, /^E3999: .+, openat$/)
  t.end()
})

void t.test('a path cannot command the terminal', (t) => {
  const error = systemError(errno.ENOENT, 'openat', Buffer.from('a\x1b[2J\n\xff', 'latin1'))
  t.equal(error.message, String.raw`ENOENT: no such file or directory, openat 'a\x1b[2J\n\xff'`)
  t.equal(error.path, String.raw`a\x1b[2J\n\xff`)
  t.end()
})
