// A thread that reads and hashes content, job after job (see contents.ts). It sleeps where there is
// none.

import { hash } from 'node:crypto'
import { setPriority } from 'node:os'
import {
  AT_SYMLINK_NOFOLLOW,
  close,
  errno,
  eventfdSignal,
  fstat,
  helperData,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  openat,
  pread,
  S_IFREG,
  Stat,
  statx,
  STATX_BASIC_STATS,
} from '#posix'
import { blockSize, ContentSlots, control, jobKind, slotsMax } from './content-slots.js'

const niceness = 5
const { shared, wakeFd } = helperData<{ shared: SharedArrayBuffer; wakeFd: number }>()
const slots = new ContentSlots(shared)
const { words } = slots
const small = Array.from({ length: slotsMax }, (_, slot) => slots.small(slot))
const data = Array.from({ length: slotsMax }, (_, slot) => slots.data(slot))
const block = Buffer.alloc(blockSize)
const stat = new Stat()
// Of this thread alone, by a quirk of Linux: requests of callers come first.
setPriority(niceness)

while (Atomics.load(words, control.isClosing) === 0) {
  const next = Atomics.load(words, control.taken)
  if (next === Atomics.load(words, control.put)) {
    Atomics.wait(words, control.put, next)
    continue
  }
  // Its place in the order is good until it is taken: no more jobs than there are places wait.
  const slot = Atomics.load(words, control.order + (next & (slotsMax - 1)))
  if (Atomics.compareExchange(words, control.taken, next, (next + 1) | 0) !== next) continue
  slots.set(slot, 'result', work(slot))
  Atomics.store(words, slots.at(slot, 'isDone'), 1)
  if (Atomics.sub(words, control.awaited, 1) === 1) eventfdSignal(wakeFd)
}

// 0 or -errno.
function work(slot: number): number {
  const fd = slots.get(slot, 'fd')
  if (slots.get(slot, 'kind') === jobKind.BLOCK) return read(slot, fd, slots.get(slot, 'length'))
  const name = small[slot]!.subarray(0, slots.get(slot, 'nameLength'))
  // What is opened and is no regular file may do something by being opened.
  const e = statx(fd, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, stat.buffer)
  if (e < 0) return e
  if (stat.type !== S_IFREG) return -errno.EINVAL
  const file = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  if (file < 0) return file
  const result = fstat(file, stat.buffer) || readWhole(slot, file)
  close(file)
  return result
}

function readWhole(slot: number, file: number): number {
  if (stat.type !== S_IFREG) return -errno.EINVAL
  slots.setSize(slot, 'size', stat.size)
  for (const name of ['inoLow', 'inoHigh', 'devMajor', 'devMinor'] as const)
    slots.set(slot, name, stat[name])
  const { size } = stat
  if (size > slots.get(slot, 'length')) return -errno.EFBIG
  slots.setSize(slot, 'offset', 0)
  return read(slot, file, size)
}

function read(slot: number, fd: number, length: number): number {
  const wantsData = slots.get(slot, 'wantsData') !== 0
  const into = wantsData ? data[slot]! : block
  const offset = slots.size(slot, 'offset')
  let done = 0
  while (done < length) {
    const n = pread(fd, into, done, length - done, offset + done)
    if (n < 0) return n
    // It has become shorter, and nobody will want this.
    if (n === 0) return -errno.EIO
    done += n
  }
  slots.set(slot, 'length', length)
  if (!wantsData) small[slot]!.set(hash('sha256', block.subarray(0, length), 'buffer'))
  return 0
}
