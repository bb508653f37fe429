// The hello that a mirror keeps: what keeps it from being written leaves the one that was there.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { AT_FDCWD, check, clearFaults, close, errno, injectFault, openat } from '#posix'
import { O_DIRECTORY, O_RDONLY } from '#posix'
import { HelloFile } from '../../packages/mirror/hello-file.js'
import { StreamWriter } from '../support/stream-writer.js'
import { tempDirectory } from '../support/temp-directory.js'

const helloOf = (epoch: number) => new StreamWriter(epoch).bytes

void t.test('there is a whole one at any time', (t) => {
  const path = join(tempDirectory(t).path, 'state')
  mkdirSync(path, { mode: 0o700 })
  const fd = check(openat(AT_FDCWD, Buffer.from(path), O_RDONLY | O_DIRECTORY), 'open')
  t.teardown(() => close(fd))
  const file = new HelloFile(fd, path)
  t.equal(file.read(7), undefined)
  file.write(helloOf(7))
  t.strictSame(file.read(7), helloOf(7))
  t.equal(file.read(8), undefined, 'of another epoch')
  for (const call of ['write', 'renameat2'] as const) {
    injectFault({ call, nth: 1, errno: errno.ENOSPC })
    t.throws(() => file.write(helloOf(8)), { code: 'ENOSPC' })
    clearFaults()
    t.strictSame(file.read(7), helloOf(7), call)
  }
  // What a kill has left of a longer one.
  writeFileSync(join(path, 'hello.new'), 'x'.repeat(1000), { mode: 0o600 })
  file.write(helloOf(8))
  t.strictSame(file.read(8), helloOf(8))
  t.end()
})
