// Lists of a large directory's names are those of the directory, however it is cut.

import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { KeptNames } from '../../packages/mirror/kept-names.js'
import { tempDirectory } from '../support/temp-directory.js'

const bytes = (name: string) => Buffer.from(name, 'latin1')

void t.test('lists follow each other, in the order of bytes', async (t) => {
  const { path } = tempDirectory(t)
  const all = ['a', 'a!', 'a0', 'ab', 'b', 'c', 'd', 'e']
  for (const name of all)
    if (name === 'a') mkdirSync(join(path, name))
    else writeFileSync(join(path, name), '')
  const fd = openSync(path, 'r')
  const kept = new KeptNames()
  const between = (after: string, upto: string) =>
    [...kept.between(1, fd, bytes(after), bytes(upto))].map(
      ({ name, isDir }) => name.toString('latin1') + (isDir ? '/' : ''),
    )
  t.strictSame(between('', '').toSorted(), ['a!', 'a/', 'a0', 'ab', 'b', 'c', 'd', 'e'])
  t.strictSame(between('', 'a!'), ['a/', 'a!'])
  t.strictSame(between('a!', 'aa'), ['a0'])
  // It is kept: this one came later, and whoever made it has it too.
  writeFileSync(join(path, 'bb'), '')
  rmSync(join(path, 'c'))
  t.strictSame(between('aa', 'd'), ['ab', 'b', 'c', 'd'])
  t.strictSame(between('d', ''), ['e'])
  // Anew.
  t.strictSame(between('aa', 'd'), ['ab', 'b', 'bb', 'd'])
  t.strictSame(between('', 'a'), ['a/'])
  closeSync(fd)
})

void t.test('of directories within each other as many as are needed', async (t) => {
  const { path } = tempDirectory(t)
  const kept = new KeptNames()
  const fds = Array.from({ length: 8 }, (_, i) => {
    const directory = join(path, `${i}`)
    mkdirSync(directory)
    for (const name of ['x', 'y', 'z']) writeFileSync(join(directory, name), '')
    return openSync(directory, 'r')
  })
  const names = (fd: number, after: string, upto: string) =>
    [...kept.between(1, fd, bytes(after), bytes(upto))].map(({ name }) => name.toString()).join('')
  for (const fd of fds) t.equal(names(fd, '', 'x'), 'x')
  for (const fd of fds.toReversed()) t.equal(names(fd, 'x', ''), 'yz')
  for (const fd of fds) closeSync(fd)
})

void t.test(
  'two assertions that list one directory by turns do not take from each other',
  async (t) => {
    const { path } = tempDirectory(t)
    for (const name of ['u', 'v', 'w', 'x', 'y', 'z']) writeFileSync(join(path, name), '')
    const fd = openSync(path, 'r')
    const kept = new KeptNames()
    const names = (id: number, after: string, upto: string) =>
      [...kept.between(id, fd, bytes(after), bytes(upto))]
        .map(({ name }) => name.toString())
        .join('')
    t.equal(names(1, '', 'w'), 'uvw')
    t.equal(names(2, '', 'u'), 'u')
    t.equal(names(1, 'w', 'y'), 'xy')
    t.equal(names(2, 'u', 'x'), 'vwx')
    t.equal(names(1, 'y', ''), 'z')
    closeSync(fd)
  },
)
