// The calls that take descriptors of files and directories.

import type { Reply } from './actor.js'
import { fallocateFlags, flagWord, lockFlags, openFlags } from './flags.js'
import { NameCalls, octal, stamps, stampText, type Stamp } from './name-calls.js'
import {
  bytes,
  gather,
  got,
  hashed,
  inOut,
  nameBytes,
  num,
  out,
  pattern,
  scatter,
} from './request-words.js'
import type { Name } from './request-words.js'
import { dataText } from './transcript.js'

const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 }
const F = {
  GETFD: 1,
  GETFL: 3,
  SETFL: 4,
  GETLK: 5,
  SETLK: 6,
  SETLKW: 7,
  OFD_SETLK: 37,
  OFD_SETLKW: 38,
}
const LOCK = { read: 0, write: 1, none: 2 }

const first = (reply: Reply) => reply.out[0] ?? Buffer.alloc(0)
const dataOf = (reply: Reply) => dataText(first(reply))

export type LockRange = { type: keyof typeof LOCK; start: number; length: number }

export class FileCalls extends NameCalls {
  async close(fd: number): Promise<void> {
    await this.call('close(fd)', `close ${num(fd)}`)
  }

  async read(fd: number, size: number): Promise<Buffer> {
    const words = `read ${num(fd)} ${got(size)} ${num(size)}`
    return first(await this.call(`read(fd, ${size})`, words, { record: dataOf }))
  }

  async pread(fd: number, size: number, offset: number): Promise<Buffer> {
    const words = `pread64 ${num(fd)} ${got(size)} ${num(size)} ${num(offset)}`
    return first(await this.call(`pread(fd, ${size}, ${offset})`, words, { record: dataOf }))
  }

  /** Reads without carrying the data over: its hash is recorded and given. */
  async preadHash(fd: number, size: number, offset: number): Promise<string> {
    const words = `pread64 ${num(fd)} ${hashed(size)} ${num(size)} ${num(offset)}`
    const record = (r: Reply) => `${r.value} bytes, hash ${r.text[0]}`
    const reply = await this.call(`pread(fd, ${size}, ${offset})`, words, { record })
    return `${reply.value}:${reply.text[0]}`
  }

  async write(fd: number, data: Name): Promise<number> {
    const size = nameBytes(data).length
    const words = `write ${num(fd)} ${bytes(data)} ${num(size)}`
    return (await this.call(`write(fd, ${size} bytes)`, words)).value
  }

  async pwrite(fd: number, data: Name, offset: number | bigint): Promise<number> {
    const size = nameBytes(data).length
    const words = `pwrite64 ${num(fd)} ${bytes(data)} ${num(size)} ${num(offset)}`
    return (await this.call(`pwrite(fd, ${size} bytes, ${offset})`, words)).value
  }

  /** Writes `size` bytes that follow from `seed`. */
  async pwritePattern(fd: number, size: number, offset: number, seed: number): Promise<number> {
    const words = `pwrite64 ${num(fd)} ${pattern(size, seed)} ${num(size)} ${num(offset)}`
    return (await this.call(`pwrite(fd, ${size} bytes of ${seed}, ${offset})`, words)).value
  }

  async readv(fd: number, sizes: number[]): Promise<Buffer> {
    const words = `readv ${num(fd)} ${scatter(sizes)} ${num(sizes.length)}`
    return first(await this.call(`readv(fd, [${sizes.join()}])`, words, { record: dataOf }))
  }

  async writev(fd: number, parts: Name[]): Promise<number> {
    const words = `writev ${num(fd)} ${gather(parts)} ${num(parts.length)}`
    return (await this.call(`writev(fd, ${parts.length} parts)`, words)).value
  }

  /** pwritev2(2) with its RWF_ flags. */
  async pwritev2(fd: number, parts: Name[], offset: number, flags: number): Promise<number> {
    const what = `${num(fd)} ${gather(parts)} ${num(parts.length)}`
    const words = `pwritev2 ${what} ${num(offset)} n0 ${num(flags)}`
    return (await this.call(`pwritev2(fd, ${offset}, flags ${flags})`, words)).value
  }

  async lseek(fd: number, offset: number, whence: keyof typeof SEEK): Promise<number> {
    const words = `lseek ${num(fd)} ${num(offset)} ${num(SEEK[whence])}`
    return (await this.call(`lseek(fd, ${offset}, ${whence})`, words)).value
  }

  async ftruncate(fd: number, size: number | bigint): Promise<void> {
    await this.call(`ftruncate(fd, ${size})`, `ftruncate ${num(fd)} ${num(size)}`)
  }

  async fallocate(fd: number, mode: string, offset: number, length: number): Promise<void> {
    const word = flagWord(fallocateFlags, mode)
    const words = `fallocate ${num(fd)} ${num(word)} ${num(offset)} ${num(length)}`
    await this.call(`fallocate(fd, ${mode || 0}, ${offset}, ${length})`, words)
  }

  async fchmod(fd: number, mode: number): Promise<void> {
    await this.call(`fchmod(fd, ${octal(mode)})`, `fchmod ${num(fd)} ${num(mode)}`)
  }

  async fchown(fd: number, uid: number, gid: number): Promise<void> {
    await this.call(`fchown(fd, ${uid}, ${gid})`, `fchown ${num(fd)} ${num(uid)} ${num(gid)}`)
  }

  async futimens(fd: number, atime: Stamp, mtime: Stamp): Promise<void> {
    const show = `futimens(fd, ${stampText(atime)}, ${stampText(mtime)})`
    await this.call(show, `utimensat ${num(fd)} n0 ${bytes(stamps(atime, mtime))} n0`)
  }

  async fsync(fd: number, call: 'fsync' | 'fdatasync' | 'syncfs' = 'fsync'): Promise<void> {
    await this.call(`${call}(fd)`, `${call} ${num(fd)}`)
  }

  async syncFileRange(fd: number, offset: number, length: number): Promise<void> {
    const words = `sync_file_range ${num(fd)} ${num(offset)} ${num(length)} n7`
    await this.call(`sync_file_range(fd, ${offset}, ${length})`, words)
  }

  async readahead(fd: number, offset: number, length: number): Promise<void> {
    await this.call('readahead(fd)', `readahead ${num(fd)} ${num(offset)} ${num(length)}`)
  }

  async fadvise(fd: number, advice: number): Promise<void> {
    await this.call(`fadvise(fd, ${advice})`, `fadvise64 ${num(fd)} n0 n0 ${num(advice)}`)
  }

  async copyFileRange(
    from: number,
    at: number,
    to: number,
    toAt: number,
    size: number,
  ): Promise<number> {
    const words = `copy_file_range ${num(from)} ${inOut(loff(at))} ${num(to)} ${inOut(loff(toAt))}`
    const show = `copy_file_range(fd, ${at}, fd, ${toAt}, ${size})`
    return (await this.call(show, `${words} ${num(size)} n0`)).value
  }

  async sendfile(to: number, from: number, size: number): Promise<number> {
    const words = `sendfile ${num(to)} ${num(from)} n0 ${num(size)}`
    return (await this.call(`sendfile(fd, fd, ${size})`, words)).value
  }

  async splice(from: number, to: number, size: number): Promise<number> {
    const words = `splice ${num(from)} n0 ${num(to)} n0 ${num(size)} n0`
    return (await this.call(`splice(fd, fd, ${size})`, words)).value
  }

  /** The two ends of a pipe: to read from, to write to. */
  async pipe(): Promise<[number, number]> {
    const raw = first(await this.call('pipe()', `pipe2 ${out(8)} n0`))
    return [raw.readInt32LE(0), raw.readInt32LE(4)]
  }

  async dup(fd: number): Promise<number> {
    return (await this.call('dup(fd)', `dup ${num(fd)}`, { record: () => 'fd' })).value
  }

  /** The status flags of fcntl(2) F_GETFL, without the kernel's private ones. */
  async getStatusFlags(fd: number): Promise<number> {
    const mask = openFlags.APPEND | openFlags.NONBLOCK | openFlags.ACCMODE | openFlags.SYNC
    const record = (r: Reply) => r.value & mask
    return (
      await this.call('fcntl(fd, F_GETFL)', `fcntl ${num(fd)} ${num(F.GETFL)} n0`, { record })
    ).value
  }

  async setStatusFlags(fd: number, flags: string): Promise<void> {
    const words = `fcntl ${num(fd)} ${num(F.SETFL)} ${num(flagWord(openFlags, flags))}`
    await this.call(`fcntl(fd, F_SETFL, ${flags || 0})`, words)
  }

  /** fcntl(2) with a number: F_GETFD, F_SETLEASE, F_ADD_SEALS ... */
  async fcntl(fd: number, command: number, argument: number): Promise<number> {
    const words = `fcntl ${num(fd)} ${num(command)} ${num(argument)}`
    return (await this.call(`fcntl(fd, ${command}, ${argument})`, words)).value
  }

  async lock(fd: number, command: keyof typeof F, range: LockRange): Promise<LockRange> {
    const show = `fcntl(fd, ${command}, ${range.type} ${range.start}+${range.length})`
    const flock = Buffer.alloc(32)
    flock.writeInt16LE(LOCK[range.type], 0)
    flock.writeBigInt64LE(BigInt(range.start), 8)
    flock.writeBigInt64LE(BigInt(range.length), 16)
    const record = (r: Reply) => (command === 'GETLK' ? foundLock(first(r)).type : r.value)
    const words = `fcntl ${num(fd)} ${num(F[command])} ${inOut(flock)}`
    return foundLock(first(await this.call(show, words, { record })))
  }

  async flock(fd: number, operation: string): Promise<void> {
    const words = `flock ${num(fd)} ${num(flagWord(lockFlags, operation))}`
    await this.call(`flock(fd, ${operation})`, words)
  }

  async fchdir(fd: number): Promise<void> {
    await this.call('fchdir(fd)', `fchdir ${num(fd)}`)
  }
}

function loff(offset: number): Buffer {
  const raw = Buffer.alloc(8)
  raw.writeBigInt64LE(BigInt(offset))
  return raw
}

function foundLock(raw: Buffer): LockRange {
  const type = (['read', 'write', 'none'] as const)[raw.length ? raw.readInt16LE(0) : 2] ?? 'none'
  if (raw.length < 24) return { type, start: 0, length: 0 }
  return { type, start: Number(raw.readBigInt64LE(8)), length: Number(raw.readBigInt64LE(16)) }
}
