// All that a process of a case can do: the calls on names, descriptors and attributes, and here
// those on memory, directories' entries, sockets, identity and limits, and whole programs.

import type { Reply } from './actor.js'
import { flagNames, flagWord, inotifyFlags, mapFlags, protectionFlags } from './flags.js'
import {
  bytes,
  got,
  inOut,
  nameBytes,
  num,
  pattern,
  str,
  type Name,
  type Path,
} from './request-words.js'
import { XattrCalls } from './xattr-calls.js'
import { dataText } from './transcript.js'

const RLIMIT_NOFILE = 7
const RLIMIT_FSIZE = 1

export type Entry = { name: Buffer; type: number; offset: bigint }

export class Process extends XattrCalls {
  /** Makes or replaces the file with `data`. */
  async put(path: Path, data: Name, mode = 0o644): Promise<void> {
    const fd = await this.open(path, 'WRONLY|CREAT|TRUNC', mode)
    await this.write(fd, data)
    await this.close(fd)
  }

  /** The file's first mebibyte. */
  async get(path: Path): Promise<Buffer> {
    const fd = await this.open(path, 'RDONLY')
    const data = await this.read(fd, 1 << 20)
    await this.close(fd)
    return data
  }

  /** The address, which is not recorded. */
  async mmap(
    size: number,
    protection: string,
    flags: string,
    fd: number,
    offset = 0,
  ): Promise<bigint> {
    const [prot, map] = [flagWord(protectionFlags, protection), flagWord(mapFlags, flags)]
    const words = `mmap n0 ${num(size)} ${num(prot)} ${num(map)} ${num(fd)} ${num(offset)}`
    const show = `mmap(${size}, ${protection}, ${flags}, fd, ${offset})`
    return BigInt((await this.call(show, words, { record: () => 'address' })).value)
  }

  async munmap(address: bigint, size: number): Promise<void> {
    await this.call(`munmap(${size})`, `munmap ${num(address)} ${num(size)}`)
  }

  /** `flags` of msync(2): 1 MS_ASYNC, 2 MS_INVALIDATE, 4 MS_SYNC. */
  async msync(address: bigint, size: number, flags = 4): Promise<void> {
    await this.call(`msync(${size}, ${flags})`, `msync ${num(address)} ${num(size)} ${num(flags)}`)
  }

  async mremap(address: bigint, size: number, newSize: number): Promise<bigint> {
    const words = `mremap ${num(address)} ${num(size)} ${num(newSize)} n1`
    const record = () => 'address'
    return BigInt((await this.call(`mremap(${size}, ${newSize})`, words, { record })).value)
  }

  async madvise(address: bigint, size: number, advice: number): Promise<void> {
    await this.call(`madvise(${advice})`, `madvise ${num(address)} ${num(size)} ${num(advice)}`)
  }

  /** Reads mapped memory; fails with EFAULT where that is a SIGBUS. */
  async peek(address: bigint, size: number): Promise<Buffer> {
    const record = (r: Reply) => dataText(r.out[0] ?? Buffer.alloc(0))
    const reply = await this.call(`peek(${size})`, `peek ${num(address)} ${got(size)}`, { record })
    return reply.out[0] ?? Buffer.alloc(0)
  }

  async poke(address: bigint, data: Name): Promise<void> {
    await this.call(`poke(${nameBytes(data).length} bytes)`, `poke ${num(address)} ${bytes(data)}`)
  }

  async pokePattern(address: bigint, size: number, seed: number): Promise<void> {
    await this.call(`poke(${size} bytes of ${seed})`, `poke ${num(address)} ${pattern(size, seed)}`)
  }

  /** One getdents64(2): an empty list at the end. */
  async getdents(fd: number, size = 65_536): Promise<Entry[]> {
    const words = `getdents64 ${num(fd)} ${got(size)} ${num(size)}`
    const record = () => 'entries'
    return entries((await this.call('getdents(fd)', words, { record })).out[0])
  }

  /** All entries from where the descriptor stands, read with `size` bytes of room at a time. In how
   * many calls they come is not compared. `each` gets them as they come. */
  async drain(
    fd: number,
    size = 65_536,
    each: (some: Entry[]) => Promise<void> = () => Promise.resolve(),
  ): Promise<Entry[]> {
    const all: Entry[] = []
    for (;;) {
      const { out, errno } = await this.untold(`getdents64 ${num(fd)} ${got(size)} ${num(size)}`)
      const some = entries(out[0])
      await each(some)
      all.push(...some)
      if (some.length > 0) continue
      this.note(`getdents(fd, ${size}) to the end`, errno)
      return all
    }
  }

  async ioctl(fd: number, request: number, argument: Buffer): Promise<Buffer> {
    const words = `ioctl ${num(fd)} ${num(request)} ${inOut(argument)}`
    const reply = await this.call(`ioctl(fd, 0x${request.toString(16)})`, words)
    return reply.out[0] ?? Buffer.alloc(0)
  }

  /** An ioctl(2) whose argument is a number, as FICLONE's is. */
  async ioctlNumber(fd: number, request: number, argument: number): Promise<void> {
    const show = `ioctl(fd, 0x${request.toString(16)}, number)`
    await this.call(show, `ioctl ${num(fd)} ${num(request)} ${num(argument)}`)
  }

  async unixSocket(): Promise<number> {
    return (await this.call('socket(AF_UNIX)', 'socket n1 n1 n0', { record: () => 'fd' })).value
  }

  async listen(fd: number): Promise<void> {
    await this.call('listen(fd)', `listen ${num(fd)} n8`)
  }

  async accept(fd: number): Promise<number> {
    return (await this.call('accept(fd)', `accept4 ${num(fd)} n0 n0 n0`, { record: () => 'fd' }))
      .value
  }

  /** The rest of the process's life is led by this user. */
  async become(uid: number, gid: number, groups: number[] = []): Promise<void> {
    const raw = Buffer.alloc(4 * groups.length)
    for (const [i, group] of groups.entries()) raw.writeUInt32LE(group, 4 * i)
    await this.call(`setgroups(${groups.join()})`, `setgroups ${num(groups.length)} ${bytes(raw)}`)
    await this.call(`setresgid(${gid})`, `setresgid ${num(gid)} ${num(gid)} ${num(gid)}`)
    await this.call(`setresuid(${uid})`, `setresuid ${num(uid)} ${num(uid)} ${num(uid)}`)
  }

  async umask(mask: number): Promise<void> {
    await this.call(`umask(0${mask.toString(8)})`, `umask ${num(mask)}`)
  }

  async limitOpenFiles(count: number): Promise<void> {
    await this.#limit(RLIMIT_NOFILE, count)
  }

  async limitFileSize(size: number): Promise<void> {
    await this.#limit(RLIMIT_FSIZE, size)
  }

  async #limit(resource: number, value: number): Promise<void> {
    const raw = Buffer.alloc(16)
    raw.writeBigUInt64LE(BigInt(value), 0)
    raw.writeBigUInt64LE(BigInt(value), 8)
    await this.call(
      `setrlimit(${resource}, ${value})`,
      `prlimit64 n0 ${num(resource)} ${bytes(raw)} n0`,
    )
  }

  async inotify(): Promise<number> {
    const words = 'inotify_init1 n2048'
    return (await this.call('inotify_init1(NONBLOCK)', words, { record: () => 'fd' })).value
  }

  /** The events that wait, as 'CREATE name'. */
  async inotifyEvents(fd: number): Promise<string[]> {
    const record = (r: Reply) => eventTexts(r.out[0] ?? Buffer.alloc(0))
    const reply = await this.call('read(inotify)', `read ${num(fd)} ${got(65_536)} n65536`, {
      record,
    })
    return eventTexts(reply.out[0] ?? Buffer.alloc(0))
  }

  /** Makes `count` files of `size` bytes (a multiple of 16) called `prefix` and six digits. */
  async fill(prefix: string, count: number, size = 0): Promise<void> {
    const words = `fill ${str(prefix)} ${num(count)} ${num(size)}`
    await this.call(`fill(${prefix}, ${count}, ${size})`, words, { timeoutMs: 180_000 })
  }

  /** Unlinks each `step`-th of what fill made. */
  async clear(prefix: string, count: number, step = 1): Promise<void> {
    const words = `clear ${str(prefix)} ${num(count)} ${num(step)}`
    await this.call(`clear(${prefix}, ${count}, ${step})`, words, { timeoutMs: 180_000 })
  }

  /** Runs a program in the working directory; its exit status and its output, unless `quiet`, are
   * recorded. */
  async run(argv: Name[], quiet = false): Promise<{ status: number; output: string }> {
    const timeoutMs = 120_000
    const words = `run ${num(timeoutMs)} ${got(1 << 20)} ${argv.map(str).join(' ')}`
    const output = (r: Reply) => (r.out[0] ?? Buffer.alloc(0)).toString('latin1')
    const record = (r: Reply) => (quiet ? r.value : `exit ${r.value}: ${output(r)}`)
    const show = `run(${argv.map((arg) => nameBytes(arg).toString('latin1')).join(' ')})`
    const reply = await this.call(show, words, { record, timeoutMs: timeoutMs + 5000 })
    return { status: reply.value, output: output(reply) }
  }

  /** Any other call, spelled as actor.c takes it. */
  async raw(show: string, words: string): Promise<Reply> {
    return this.call(show, words)
  }

  /** The bytes a call fills, unrecorded, for what differs by nature. */
  async unrecorded(show: string, words: string): Promise<Reply> {
    return this.call(show, words, { record: () => 'done' })
  }

  /** A call that is not recorded and may fail: who wins a race is not compared. */
  quiet(words: string): Promise<Reply> {
    return this.untold(words)
  }
}

function entries(raw: Buffer = Buffer.alloc(0)): Entry[] {
  const found: Entry[] = []
  for (let at = 0; at < raw.length; at += raw.readUInt16LE(at + 16)) {
    const name = raw.subarray(at + 19, raw.indexOf(0, at + 19))
    found.push({ name, type: raw.readUInt8(at + 18), offset: raw.readBigInt64LE(at + 8) })
  }
  return found
}

function eventTexts(raw: Buffer): string[] {
  const events: string[] = []
  for (let at = 0; at < raw.length; at += 16 + raw.readUInt32LE(at + 12)) {
    const length = raw.readUInt32LE(at + 12)
    const name = raw.toString('latin1', at + 16, at + 16 + length).replace(/\0+$/, '')
    events.push(`${flagNames(inotifyFlags, raw.readUInt32LE(at + 4))} ${name}`.trim())
  }
  return events
}
