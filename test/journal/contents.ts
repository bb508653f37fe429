// Content that other threads read counts only where nothing has changed it meanwhile.

import { hash } from 'node:crypto'
import { closeSync, linkSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { errno, eventfd, eventfdClear, POLLIN, PollSet, poll, close } from '#posix'
import { Contents, type Piece } from '../../packages/journal/contents.js'
import { tempDirectory } from '../support/temp-directory.js'

const mebibyte = 1 << 20
const nothing = () => {}
const sha256 = (bytes: Buffer) => hash('sha256', bytes, 'buffer')
const bytesOf = (size: number, seed: number) =>
  Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 255))

interface Scene {
  readonly contents: Contents
  readonly path: string
  readonly directory: number
  /** Lets the session's loop go on until it is so. */
  readonly settle: (isSo: () => boolean) => void
}

function scene(t: Test): Scene {
  const { path } = tempDirectory(t)
  const wakeFd = eventfd()
  const contents = new Contents(wakeFd, ({ inoLow, inoHigh }) => inoHigh * 2 ** 32 + inoLow)
  const directory = openSync(path, 'r')
  t.teardown(() => {
    contents.close()
    closeSync(directory)
    close(wakeFd)
  })
  const polled = new PollSet(1)
  polled.set(0, wakeFd, POLLIN)
  return {
    contents,
    path,
    directory,
    settle(isSo) {
      for (let tries = 0; !isSo() && tries < 1000; tries++)
        if (!contents.awaitNext()) {
          if (poll(polled, 10_000) <= 0) throw new Error('it is not woken')
          eventfdClear(wakeFd)
        }
      t.ok(isSo())
    },
  }
}

void t.test('hashes and bytes of blocks, and of whole files by their names', async (t) => {
  const { contents, path, directory, settle } = scene(t)
  const bytes = bytesOf(3 * mebibyte + 17, 1)
  const file = join(path, 'file')
  writeFileSync(file, bytes)
  const key = statSync(file).ino
  const fd = openSync(file, 'r')
  let done = 0
  const pieces: Piece[] = []
  for (const wantsData of [false, true])
    for (let offset = 0; offset < bytes.length; offset += mebibyte) {
      const length = Math.min(mebibyte, bytes.length - offset)
      pieces.push(contents.block(key, fd, { offset, length }, wantsData, true, () => done++)!)
    }
  settle(() => pieces.every(({ isDone }) => isDone))
  t.equal(done, pieces.length)
  for (const [i, { offset, length, result, isStale, bytes: found }] of pieces.entries()) {
    const wanted = bytes.subarray(offset, offset + length)
    t.strictSame([result, isStale], [0, false])
    t.ok(found.equals(i < 4 ? sha256(wanted) : wanted), `${i}`)
  }
  for (const piece of pieces) contents.release(piece)
  closeSync(fd)

  writeFileSync(join(path, 'small'), 'small')
  writeFileSync(join(path, 'empty'), '')
  const names = ['file', 'small', 'empty', 'missing', '.']
  const asked = names.map((name) =>
    contents.ahead(directory, Buffer.from(name), mebibyte, false, nothing)!,
  )
  settle(() => asked.every(({ isDone }) => isDone))
  const results = [-errno.EFBIG, 0, 0, -errno.ENOENT, -errno.EINVAL]
  t.strictSame(
    asked.map(({ result }) => result),
    results,
  )
  t.strictSame(asked[1]!.bytes, sha256(Buffer.from('small')))
  t.strictSame([asked[1]!.key, asked[1]!.length], [statSync(join(path, 'small')).ino, 5])
})

void t.test('what has changed since it was asked for says nothing', async (t) => {
  const { contents, path, directory, settle } = scene(t)
  const file = join(path, 'file')
  writeFileSync(file, bytesOf(mebibyte, 2))
  linkSync(file, join(path, 'link'))
  writeFileSync(join(path, 'other'), 'other')
  const [key, other] = [statSync(file).ino, statSync(join(path, 'other')).ino]
  const fd = openSync(file, 'r+')
  const ask = (offset: number, length: number) =>
    contents.block(key, fd, { offset, length }, false, true, nothing)!
  const name = (one: string) =>
    contents.ahead(directory, Buffer.from(one), mebibyte, true, nothing)!
  const [first, second] = [ask(0, 4096), ask(4096, 4096)]
  const [file1, link1, other1] = [name('file'), name('link'), name('other')]
  writeSync(fd, 'x', 5000)
  contents.touch(key, 5000, 5001)
  const all = [first, second, file1, link1, other1]
  settle(() => all.every(({ isDone }) => isDone))
  t.strictSame(
    all.map(({ isStale }) => isStale),
    [false, true, true, true, false],
  )
  // Whoever has a result keeps it for a while.
  contents.touch(other, 0, 1)
  contents.touch(key, 0, 1)
  t.ok(other1.isStale && first.isStale)
  const again = name('link')
  settle(() => again.isDone)
  t.notOk(again.isStale)
  contents.touch(key, mebibyte, 2 * mebibyte)
  t.notOk(again.isStale, 'behind its end')
  for (const piece of [...all, again]) contents.release(piece)
  closeSync(fd)
})

void t.test(
  'of many changes while a file is not known, some may be taken for its own',
  async (t) => {
    const { contents, path, directory, settle } = scene(t)
    writeFileSync(join(path, 'file'), 'file')
    const ask = () => contents.ahead(directory, Buffer.from('file'), mebibyte, true, nothing)!
    const [first, second] = [ask(), ask()]
    for (let key = 1; key <= 65_536; key++) contents.touch(-key, 0, 1)
    settle(() => first.isDone && second.isDone)
    t.notOk(first.isStale || second.isStale)
    const third = ask()
    for (let key = 1; key <= 65_537; key++) contents.touch(-key, 0, 1)
    const fourth = ask()
    settle(() => third.isDone && fourth.isDone)
    t.ok(third.isStale)
    t.notOk(fourth.isStale)
  },
)

void t.test('a guess leaves room for what is needed', async (t) => {
  const { contents, path, directory, settle } = scene(t)
  writeFileSync(join(path, 'file'), 'file')
  const fd = openSync(join(path, 'file'), 'r')
  const guesses: Piece[] = []
  const guess = () => contents.ahead(directory, Buffer.from('file'), mebibyte, true, nothing)
  for (let piece = guess(); piece; piece = guess()) guesses.push(piece)
  t.ok(guesses.length > 1 && guesses.length < 1000, `${guesses.length}`)
  settle(() => guesses.every(({ isDone }) => isDone))
  t.notOk(guess(), 'what is done is in use until it is let go of')
  const needed = contents.block(1, fd, { offset: 0, length: 4 }, true, true, nothing)!
  settle(() => needed.isDone)
  t.equal(needed.bytes.toString(), 'file')
  t.ok(guesses.every(({ bytes }) => bytes.toString() === 'file'))
  contents.release(needed)
  contents.release(guesses[0]!)
  contents.release(guesses[0]!)
  t.ok(guess())
  t.notOk(guess())
  closeSync(fd)
})
