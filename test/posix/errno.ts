import { constants } from 'node:os'
import t from 'tap'
import { errno, errnoName } from '#posix'

void t.test('Linux numbers have names, but for the two that are not in use', (t) => {
  const unused = [41, 58]
  for (let n = 1; n <= 133; n++) {
    t.equal(/^E\d+$/.test(errnoName(n)), unused.includes(n), `${n} is ${errnoName(n)}`)
  }
  t.end()
})

void t.test('names and numbers', (t) => {
  t.equal(errno.ENOENT, 2)
  t.equal(errno.ENODATA, 61)
  t.equal(errno.ENOATTR, 61)
  t.equal(errno.EUCLEAN, 117)
  t.equal(errno.ESTALE, 116)
  t.equal(errno.EOVERFLOW, 75)
  t.equal(errno.ELOOP, 40)
  t.equal(errnoName(-2), 'ENOENT')
  t.equal(errnoName(11), 'EAGAIN')
  t.equal(errnoName(61), 'ENODATA')
  t.equal(errnoName(95), 'EOPNOTSUPP')
  t.equal(errnoName(35), 'EDEADLK')
  t.equal(errnoName(4000), 'E4000')
  for (const [name, n] of Object.entries(constants.errno)) {
    t.equal(errno[name as keyof typeof errno], n, name)
  }
  t.end()
})
