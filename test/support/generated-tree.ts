// A tree with everything that a tar archive can hold: sizes from nothing to megabytes, hard links
// within and across directories, symbolic links, FIFOs, holes, modes, owners, times and attributes.

import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { check, fsetxattr } from '#posix'

const filesInDirectory = 100
const sizes = [0, 1, 100, 900, 4095, 4096, 4097, 9000]

/** Makes `files` regular files below `root`, which exists, and links and more beside them. */
export function generateTree(root: string, files: number): void {
  const directories: string[] = []
  for (let made = 0; made < files; made += filesInDirectory) {
    const number = made / filesInDirectory
    const above = number % 7 === 0 ? root : (directories[number - 1] ?? root)
    const directory = join(above, `directory ${number}`)
    mkdirSync(directory)
    directories.push(directory)
    fill(directory, number, Math.min(filesInDirectory, files - made))
    if (number > 0) linkSync(join(directory, 'file-1'), join(directories[number - 1]!, 'from-next'))
  }
  oddities(root)
  // Last, and the deepest first: what is made in a directory sets its time.
  for (const [number, directory] of directories.entries())
    utimesSync(directory, 1_500_000_000, 1_500_000_000.25 + number)
}

function fill(directory: string, number: number, files: number): void {
  for (let i = 0; i < files; i++) {
    const path = join(directory, `file-${i}`)
    writeFileSync(path, content(sizes[(number + i) % sizes.length]!, number * 1000 + i))
    if (i % 5 === 0) chmodSync(path, i % 2 ? 0o600 : 0o751)
    if (i % 11 === 0) chownSync(path, 1000 + number, 100)
    if (i % 3 === 0) utimesSync(path, 1_400_000_000, 1_400_000_000.5 + i)
    if (i % 10 === 3) linkSync(path, join(directory, `hard-${i}`))
    if (i % 10 === 4) symlinkSync(`file-${i}`, join(directory, `symbolic-${i}`))
  }
}

function content(size: number, seed: number): Buffer {
  const line = `${seed} ${seed * 2_654_435_761}\n`
  return Buffer.alloc(size, line)
}

function oddities(root: string): void {
  const directory = join(root, 'odd')
  mkdirSync(directory)
  const at = (name: string | Buffer) =>
    Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name)])
  writeFileSync(at('new\nline'), 'x')
  writeFileSync(at(Buffer.from([0xff, 0xfe, 0x80])), 'y')
  writeFileSync(at('n'.repeat(255)), 'z')
  symlinkSync('/nowhere/'.repeat(400), at('long and dangling'))
  lutimesSync(at('long and dangling'), 1_300_000_000, 1_300_000_000)
  writeFileSync(at('set-id'), 's')
  chmodSync(at('set-id'), 0o6755)
  const holes = openSync(at('holes'), 'w')
  for (const megabyte of [3, 17])
    writeSync(holes, content(70_000, megabyte), 0, 70_000, megabyte << 20)
  ftruncateSync(holes, 32 << 20)
  closeSync(holes)
  const attributed = openSync(at('attributed'), 'w')
  const value = Buffer.from([0, 1, 2, 0xff])
  check(fsetxattr(attributed, Buffer.from('user.tfs.test'), value), 'setxattr')
  closeSync(attributed)
  execFileSync('mkfifo', [join(directory, 'fifo')])
  mkdirSync(at('empty'), 0o1777)
}
