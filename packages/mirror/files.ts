// Regular files that are being written, as a small cache of descriptors by path. Nothing is opened
// for writing before it is known to be a regular file: opening a device or a FIFO can have effects
// of its own, or hang.

import { close, fstat, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_WRONLY, openat2 } from '#posix'
import { reopen, S_IFREG, Stat } from '#posix'
import { beneath, isBelow, onTheWay } from './directories.js'
import { refusal } from './refusal.js'

export interface OpenFile {
  /** -1 once it is closed. */
  fd: number
  /** Permission bits as far as this process knows. */
  mode: number
  /** It has other names, through which its mode may change. */
  readonly isShared: boolean
  /** In this turn. */
  isUsed: boolean
  /** Size and mtime at the end of the last turn are known: nobody else should have changed them. */
  isKnown: boolean
  size: number
  mtimeSec: number
  mtimeNsec: number
}

/** Keys are paths as latin1 strings, one unit for each byte. */
export class Files {
  readonly #limit: number
  readonly #open = new Map<string, OpenFile>()
  readonly #stat = new Stat()
  #used: OpenFile[] = []

  constructor(limit = 64) {
    this.#limit = limit
  }

  get(key: string): OpenFile | undefined {
    return this.#open.get(key)
  }

  /**
   * The operation at hand is about to use `file`: whether somebody else has changed it meanwhile.
   */
  use(file: OpenFile): boolean {
    if (file.isUsed) return false
    file.isUsed = true
    this.#used.push(file)
    if (!file.isKnown || fstat(file.fd, this.#stat.buffer) < 0) return false
    const { size, mtimeSec, mtimeNsec } = this.#stat
    return size !== file.size || mtimeSec !== file.mtimeSec || mtimeNsec !== file.mtimeNsec
  }

  /** Takes down how this turn has left the files that it used. */
  endTurn(): void {
    for (const file of this.#used) {
      file.isUsed = false
      // Through another name it could be changed by the stream itself.
      file.isKnown = fstat(file.fd, this.#stat.buffer) === 0 && this.#stat.nlink === 1
      file.size = this.#stat.size
      file.mtimeSec = this.#stat.mtimeSec
      file.mtimeNsec = this.#stat.mtimeNsec
    }
    if (this.#used.length > 0) this.#used = []
  }

  /** Takes over `fd`, which is open for writing on the regular file `key`. */
  put(key: string, fd: number, mode: number, isShared = false): OpenFile {
    this.drop(key)
    const file: OpenFile = {
      fd,
      mode,
      isShared,
      isUsed: true,
      isKnown: false,
      size: 0,
      mtimeSec: 0,
      mtimeNsec: 0,
    }
    this.#used.push(file)
    this.#open.set(key, file)
    if (this.#open.size > this.#limit) this.drop(this.#open.keys().next().value as string)
    return file
  }

  /**
   * Opens `name` in `directory` for writing. 0 and the file under `key`; else -errno or a refusal.
   */
  open(key: string, directory: number, name: Buffer): number {
    const fd = openRegular(directory, name, O_WRONLY, this.#stat)
    if (fd < 0) return fd
    this.put(key, fd, this.#stat.mode & 0o7777, this.#stat.nlink > 1)
    return 0
  }

  /** Forgets `key` alone. */
  drop(key: string): void {
    const file = this.#open.get(key)
    if (file === undefined) return
    close(file.fd)
    file.fd = -1
    this.#open.delete(key)
  }

  /** Forgets `key` and all below it. */
  dropTree(key: string): void {
    for (const other of this.#open.keys()) if (isBelow(other, key)) this.drop(other)
    this.drop(key)
  }

  dropAll(): void {
    for (const file of this.#open.values()) {
      close(file.fd)
      file.fd = -1
    }
    this.#open.clear()
  }
}

/** Opens `name` in `directory` where it is a regular file: a descriptor, -errno or a refusal. */
export function openRegular(directory: number, name: Buffer, access: number, stat: Stat): number {
  const found = openat2(directory, name, O_PATH | O_NOFOLLOW, 0, beneath)
  if (found < 0) return onTheWay(found)
  let fd = fstat(found, stat.buffer)
  if (fd === 0)
    fd = stat.type === S_IFREG ? reopen(found, access | O_NONBLOCK | O_NOCTTY) : refusal.NOT_REGULAR
  close(found)
  return fd
}
