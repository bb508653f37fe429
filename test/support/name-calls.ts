// The calls that take names.

import type { Reply } from './actor.js'
import { accessFlags, atFlags, flagWord, openFlags, renameFlags, resolveFlags } from './flags.js'
import { RecordedProcess } from './recorded-process.js'
import { at, bytes, got, nameBytes, num, out, shown, str } from './request-words.js'
import type { Name, Path } from './request-words.js'
import { comparable, statRecord, statxSize } from './stat-record.js'
import { timeText, type StatRecord, type Time } from './stat-record.js'

export const octal = (mode: number) => `0${mode.toString(8)}`

/** What utimensat takes: a time, or one of its two special values. */
export type Stamp = Time | 'now' | 'omit'

export class NameCalls extends RecordedProcess {
  /** Gives the descriptor, -1 when it failed. */
  async open(path: Path, flags: string, mode = 0o644): Promise<number> {
    const word = flagWord(openFlags, flags)
    const show = `open(${shown(path)}, ${flags}, ${octal(mode)})`
    const words = `openat ${at(path)} ${num(word)} ${num(mode)}`
    return (await this.call(show, words, { record: () => 'fd' })).value
  }

  async openat2(dir: number, path: Name, flags: string, resolve: string): Promise<number> {
    const how = Buffer.alloc(24)
    how.writeBigUInt64LE(BigInt(flagWord(openFlags, flags)), 0)
    how.writeBigUInt64LE(BigInt(flagWord(resolveFlags, resolve)), 16)
    const show = `openat2(${shown(path)}, ${flags}, ${resolve})`
    const words = `openat2 ${num(dir)} ${str(path)} ${bytes(how)} n24`
    return (await this.call(show, words, { record: () => 'fd' })).value
  }

  async mkdir(path: Path, mode = 0o755): Promise<void> {
    await this.call(`mkdir(${shown(path)}, ${octal(mode)})`, `mkdirat ${at(path)} ${num(mode)}`)
  }

  async rmdir(path: Path): Promise<void> {
    await this.call(`rmdir(${shown(path)})`, `unlinkat ${at(path)} ${num(atFlags.REMOVEDIR)}`)
  }

  async unlink(path: Path): Promise<void> {
    await this.call(`unlink(${shown(path)})`, `unlinkat ${at(path)} n0`)
  }

  async rename(from: Path, to: Path, flags = ''): Promise<void> {
    const show = `rename(${shown(from)}, ${shown(to)}${flags && `, ${flags}`})`
    const word = flagWord(renameFlags, flags)
    await this.call(show, `renameat2 ${at(from)} ${at(to)} ${num(word)}`)
  }

  async link(from: Path, to: Path, flags = ''): Promise<void> {
    const show = `link(${shown(from)}, ${shown(to)}${flags && `, ${flags}`})`
    await this.call(show, `linkat ${at(from)} ${at(to)} ${num(flagWord(atFlags, flags))}`)
  }

  async symlink(target: Name, path: Path): Promise<void> {
    const words = `symlinkat ${str(target)} ${at(path)}`
    await this.call(`symlink(${shown(target)}, ${shown(path)})`, words)
  }

  async readlink(path: Path, size = 8192): Promise<Buffer> {
    const words = `readlinkat ${at(path)} ${got(size)} ${num(size)}`
    const record = (r: Reply) => r.out[0]?.toString('latin1') ?? ''
    return (
      (await this.call(`readlink(${shown(path)})`, words, { record })).out[0] ?? Buffer.alloc(0)
    )
  }

  /** `mode` has the type's bits; `dev` is the kernel's encoding (major << 8 | minor). */
  async mknod(path: Path, mode: number, dev = 0): Promise<void> {
    const show = `mknod(${shown(path)}, ${octal(mode)}, ${dev})`
    await this.call(show, `mknodat ${at(path)} ${num(mode)} ${num(dev)}`)
  }

  async chmod(path: Path, mode: number): Promise<void> {
    const words = `fchmodat ${at(path)} ${num(mode)}`
    await this.call(`chmod(${shown(path)}, ${octal(mode)})`, words)
  }

  async chown(path: Path, uid: number, gid: number): Promise<void> {
    const words = `fchownat ${at(path)} ${num(uid)} ${num(gid)} n0`
    await this.call(`chown(${shown(path)}, ${uid}, ${gid})`, words)
  }

  async lchown(path: Path, uid: number, gid: number): Promise<void> {
    const words = `fchownat ${at(path)} ${num(uid)} ${num(gid)} ${num(atFlags.SYMLINK_NOFOLLOW)}`
    await this.call(`lchown(${shown(path)}, ${uid}, ${gid})`, words)
  }

  async truncate(path: Name, size: number | bigint): Promise<void> {
    await this.call(`truncate(${shown(path)}, ${size})`, `truncate ${str(path)} ${num(size)}`)
  }

  async utimens(path: Path, atime: Stamp, mtime: Stamp, flags = ''): Promise<void> {
    const show = `utimensat(${shown(path)}, ${stampText(atime)}, ${stampText(mtime)}, ${flags})`
    const words = `utimensat ${at(path)} ${bytes(stamps(atime, mtime))}`
    await this.call(show, `${words} ${num(flagWord(atFlags, flags))}`)
  }

  async access(path: Path, mode: string): Promise<void> {
    const words = `faccessat ${at(path)} ${num(flagWord(accessFlags, mode))}`
    await this.call(`access(${shown(path)}, ${mode})`, words)
  }

  async faccessat2(path: Path, mode: string, flags: string): Promise<void> {
    const [modeWord, flagsWord] = [flagWord(accessFlags, mode), flagWord(atFlags, flags)]
    const show = `faccessat2(${shown(path)}, ${mode}, ${flags})`
    await this.call(show, `faccessat2 ${at(path)} ${num(modeWord)} ${num(flagsWord)}`)
  }

  stat(path: Path): Promise<StatRecord> {
    return this.#statx('stat', path, 0)
  }

  lstat(path: Path): Promise<StatRecord> {
    return this.#statx('lstat', path, atFlags.SYMLINK_NOFOLLOW)
  }

  fstat(fd: number): Promise<StatRecord> {
    return this.#statx('fstat', { at: fd, path: '' }, atFlags.EMPTY_PATH)
  }

  /** atime and mtime, recorded: for files whose times the case has set. */
  async times(path: Path): Promise<StatRecord> {
    const record = (r: Reply) => {
      const stat = statRecord(r.out[0] ?? Buffer.alloc(statxSize))
      return `atime ${timeText(stat.atime)} mtime ${timeText(stat.mtime)}`
    }
    const flags = num(atFlags.SYMLINK_NOFOLLOW)
    const words = `statx ${at(path)} ${flags} ${num(0xfff)} ${out(statxSize)}`
    const reply = await this.call(`times(${shown(path)})`, words, { record })
    return statRecord(reply.out[0] ?? Buffer.alloc(statxSize))
  }

  async #statx(name: string, path: Path, flags: number): Promise<StatRecord> {
    const raw = (r: Reply) => r.out[0] ?? Buffer.alloc(statxSize)
    const words = `statx ${at(path)} ${num(flags)} ${num(0xfff)} ${out(statxSize)}`
    const record = (r: Reply) => comparable(statRecord(raw(r)))
    return statRecord(raw(await this.call(`${name}(${shown(path)})`, words, { record })))
  }

  async chdir(path: Name): Promise<void> {
    await this.call(`chdir(${shown(path)})`, `chdir ${str(path)}`)
  }

  /** The working directory's path, of which only the last component is recorded. */
  async getcwd(): Promise<string> {
    const text = (r: Reply) => (r.out[0] ?? Buffer.alloc(0)).toString('latin1').replace(/\0.*/s, '')
    const record = (r: Reply) => text(r).replace(/.*\//s, '')
    return text(await this.call('getcwd()', `getcwd ${out(4096)} n4096`, { record }))
  }

  /** f_bsize and f_namelen of statfs(2), whose other fields change by themselves. */
  async statfs(path: Name): Promise<Buffer> {
    const raw = (r: Reply) => r.out[0] ?? Buffer.alloc(120)
    const record = (r: Reply) => {
      return `bsize ${raw(r).readBigInt64LE(8)} namelen ${raw(r).readBigInt64LE(64)}`
    }
    return raw(
      await this.call(`statfs(${shown(path)})`, `statfs ${str(path)} ${out(120)}`, { record }),
    )
  }

  async inotifyAddWatch(fd: number, path: Name, mask: number): Promise<number> {
    const words = `inotify_add_watch ${num(fd)} ${str(path)} ${num(mask)}`
    return (await this.call(`inotify_add_watch(${shown(path)})`, words)).value
  }

  /** connect(2) or bind(2) of a Unix socket. */
  async unixAddress(call: 'bind' | 'connect', fd: number, path: Name): Promise<void> {
    const address = Buffer.concat([Buffer.from([1, 0]), nameBytes(path), Buffer.alloc(1)])
    const words = `${call} ${num(fd)} ${bytes(address)} ${num(address.length)}`
    await this.call(`${call}(fd, ${shown(path)})`, words)
  }
}

export function stamps(atime: Stamp, mtime: Stamp): Buffer {
  const raw = Buffer.alloc(32)
  for (const [i, stamp] of [atime, mtime].entries()) {
    if (stamp === 'now') raw.writeBigInt64LE(0x3fffffffn, i * 16 + 8)
    else if (stamp === 'omit') raw.writeBigInt64LE(0x3ffffffen, i * 16 + 8)
    else {
      raw.writeBigInt64LE(stamp.sec, i * 16)
      raw.writeBigInt64LE(BigInt(stamp.nsec), i * 16 + 8)
    }
  }
  return raw
}

export function stampText(stamp: Stamp): string {
  return typeof stamp === 'string' ? stamp : timeText(stamp)
}
