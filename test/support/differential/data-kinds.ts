// Random operations on open files and their contents.

import { fallocateFlags, flagWord, openFlags } from '../flags.js'
import { hashed, inOut, num, pattern, shown, str } from '../request-words.js'
import { call, fstat, onFd, onPath, opened, place } from './operation-calls.js'
import type { Draw, OperationKind } from './random-operations.js'

function open(draw: Draw, path: string, flags: string) {
  const fd = draw.fd()
  // Without NONBLOCK the open of a FIFO waits.
  const word = flagWord(openFlags, `NONBLOCK|${flags}`)
  const words = `openat ${place(draw, path)} ${num(word)} ${num(draw.mode())}`
  const calls = [opened(words, fd.slice(1)), fstat(fd)]
  return { show: `${fd} = open ${shown(path)} ${flags}`, calls }
}

const accesses = ['RDWR', 'RDWR', 'WRONLY', 'RDONLY']
const makings = ['CREAT', 'CREAT', 'CREAT|EXCL', 'CREAT|TRUNC', 'CREAT|APPEND', 'CREAT|NOFOLLOW']
const others = ['TRUNC', 'APPEND', 'NOFOLLOW', 'DIRECTORY']

export const opening: OperationKind[] = [
  {
    weight: 16,
    make: (x) => open(x, x.path('file'), `${x.of(accesses)}|${x.of(makings)}`),
  },
  { weight: 4, make: (x) => open(x, x.path(), `${x.of(accesses)}|${x.of(others)}`) },
  { weight: 3, make: (x) => open(x, x.path('dir'), 'RDONLY|DIRECTORY') },
  { weight: 2, make: (x) => open(x, x.path('dir'), `${x.of(['RDWR', 'WRONLY'])}|TMPFILE`) },
  {
    weight: 3,
    make: (x) => {
      const fd = x.fd()
      return { show: `close ${fd}`, calls: [call(`close ${fd}`)] }
    },
  },
]

export const data: OperationKind[] = [
  {
    weight: 8,
    make: (x) => {
      const [fd, size] = [x.fd(), x.size()]
      return onFd(`write ${size}`, fd, `write ${fd} ${pattern(size, x.seed())} ${num(size)}`)
    },
  },
  {
    weight: 10,
    make: (x) => {
      const [fd, size, offset] = [x.fd(), x.size(), x.offset()]
      const words = `pwrite64 ${fd} ${pattern(size, x.seed())} ${num(size)} ${num(offset)}`
      return onFd(`pwrite ${size} at ${offset}`, fd, words)
    },
  },
  {
    weight: 5,
    make: (x) => {
      const [fd, size] = [x.fd(), x.size()]
      return onFd(`read ${size}`, fd, `read ${fd} ${hashed(size)} ${num(size)}`)
    },
  },
  {
    weight: 8,
    make: (x) => {
      const [fd, size, offset] = [x.fd(), x.size(), x.offset()]
      const words = `pread64 ${fd} ${hashed(size)} ${num(size)} ${num(offset)}`
      return onFd(`pread ${size} at ${offset}`, fd, words)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const whence = x.next(3)
      // Where a directory ends is the file system's affair, so the end is asked of mapped files.
      // Not SEEK_DATA and SEEK_HOLE: what has been written back decides their answer.
      const [fd, offset] = [whence === 2 ? `$mapped${x.map()}` : x.fd(), x.offset()]
      return onFd(`lseek ${offset} ${whence}`, fd, `lseek ${fd} ${num(offset)} ${num(whence)}`)
    },
  },
  {
    weight: 6,
    make: (x) => {
      const [fd, size] = [x.fd(), x.offset()]
      return onFd(`ftruncate ${size}`, fd, `ftruncate ${fd} ${num(size)}`)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const [path, size] = [x.path('file'), x.offset()]
      return onPath(`truncate ${size}`, path, `truncate ${str(path)} ${num(size)}`)
    },
  },
  {
    weight: 5,
    make: (x) => {
      const modes = ['', 'KEEP_SIZE', 'PUNCH_HOLE|KEEP_SIZE', 'ZERO_RANGE', 'ZERO_RANGE|KEEP_SIZE']
      const [fd, mode] = [x.fd(), x.of(modes)]
      const [offset, size] = [x.offset(), x.size()]
      const words = `fallocate ${fd} ${num(flagWord(fallocateFlags, mode))}`
      return onFd(
        `fallocate ${mode} ${size} at ${offset}`,
        fd,
        `${words} ${num(offset)} ${num(size)}`,
      )
    },
  },
  {
    weight: 5,
    make: (x) => {
      const [from, to, offset, toOffset, size] = [x.fd(), x.fd(), x.offset(), x.offset(), x.size()]
      const words = `copy_file_range ${from} ${loff(offset)} ${to} ${loff(toOffset)}`
      const show = `copy_file_range ${from} ${offset} ${toOffset} ${size}`
      return onFd(show, to, `${words} ${num(size)} n0`)
    },
  },
  {
    weight: 3,
    make: (x) => {
      const fd = x.fd()
      const name = x.of(['fsync', 'fdatasync'])
      return onFd(name, fd, `${name} ${fd}`)
    },
  },
]

function loff(offset: number): string {
  const raw = Buffer.alloc(8)
  raw.writeBigInt64LE(BigInt(offset))
  return inOut(raw)
}
