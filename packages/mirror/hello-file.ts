// The hello of the mirror's epoch, in .tfs/hello: a stream that goes on behind a position does not
// bring it again, and who reads on from the mirror needs it first.

import { check, close, errno, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, pread } from '#posix'
import { renameat2, write } from '#posix'
import { checkMessage, epochOf, isSize, limits, sizeOf, WireError } from '#wire'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'

const name = 'hello'
const draft = 'hello.new'

export class HelloFile {
  readonly #directory: number
  readonly #shown: string

  constructor(directory: number, shown: string) {
    this.#directory = directory
    this.#shown = `${shown}/${name}`
  }

  /** A kill leaves the old one or the new one. Throws errno errors. */
  write(message: Buffer): void {
    const directory = this.#directory
    const fd = openPrivateFile(directory, draft, this.#shown, O_RDWR | O_CREAT | O_TRUNC)
    try {
      const written = check(write(fd, message, 0, message.length), 'write', this.#shown)
      if (written < message.length) check(-errno.ENOSPC, 'write', this.#shown)
    } finally {
      close(fd)
    }
    const renamed = renameat2(directory, Buffer.from(draft), directory, Buffer.from(name))
    check(renamed, 'rename', this.#shown)
  }

  /** That of `epoch`; undefined where there is none that is whole. Throws errno errors. */
  read(epoch: number): Buffer | undefined {
    const fd = openPrivateFileIfThere(this.#directory, name, this.#shown, O_RDONLY)
    if (fd === undefined) return undefined
    try {
      const bytes = Buffer.alloc(limits.messageSizeMin + limits.textSizeMax + 64)
      const length = check(pread(fd, bytes, 0, bytes.length, 0), 'read', this.#shown)
      const size = length < limits.messageSizeMin ? 0 : sizeOf(bytes)
      if (!isSize(size) || size > length) return undefined
      const message = bytes.subarray(0, size)
      checkMessage(message)
      return epochOf(message) === epoch ? message : undefined
    } catch (error) {
      if (error instanceof WireError) return undefined
      throw error
    } finally {
      close(fd)
    }
  }
}
