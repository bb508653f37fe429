// Whole trees that the stream removes with one message (a rename to an excluded place): moved into
// .tfs/trash at once and deleted piece by piece, however deep or large they are.

import { AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, check, close, errno, fchmodat, O_RDONLY } from '#posix'
import { O_DIRECTORY, openat2, readDirectory, renameat2, unlinkat } from '#posix'
import { beneath } from './directories.js'
import { openPrivateDirectory } from './private-file.js'

/** The file of the state in which one is made that is to take a place in the tree. */
export const rebuiltName = Buffer.from('rebuilt')

export class Trash {
  readonly #state: number
  readonly #shown: string
  #fd = -1
  #count = 0
  #work: Generator<void, void, void> | undefined

  constructor(state: number, stateShown: string) {
    this.#state = state
    this.#shown = `${stateShown}/trash`
    // What an earlier run has left: a file that has not taken its place, if there is one, and this.
    unlinkat(state, rebuiltName)
    const fd = openPrivateDirectory(state, 'trash', false, this.#shown)
    if (fd === undefined) return
    this.#fd = fd
    this.#work = this.#empty()
  }

  /** Moves `name` of `directory` here, whatever it is. 0 or -errno. */
  take(directory: number, name: Buffer): number {
    if (this.#fd < 0)
      this.#fd = openPrivateDirectory(this.#state, 'trash', true, this.#shown) as number
    this.#work ??= this.#empty()
    return renameat2(directory, name, this.#fd, this.#place())
  }

  /** Deletes up to `count` things: whether some are left. Throws errno errors. */
  step(count: number): boolean {
    for (let i = 0; i < count && this.#work; i++) if (this.#work.next().done) this.#work = undefined
    return this.#work !== undefined
  }

  close(): void {
    if (this.#fd >= 0) close(this.#fd)
    this.#fd = -1
  }

  #place(): Buffer {
    return Buffer.from(`${Date.now()}-${process.pid}-${++this.#count}`)
  }

  // Directories that are not empty give up their subdirectories to the trash, so that it is never
  // more than two levels deep.
  *#empty(): Generator<void, void, void> {
    for (let found = true; found;) {
      found = false
      for (const { name } of readDirectory(this.#fd)) {
        found = true
        if (!this.#unlink(this.#fd, name)) yield* this.#emptyDirectory(name)
        yield
      }
    }
  }

  *#emptyDirectory(name: Buffer): Generator<void, void, void> {
    check(fchmodat(this.#fd, name, 0o700, AT_SYMLINK_NOFOLLOW), 'chmod', this.#shown)
    const fd = check(
      openat2(this.#fd, name, O_RDONLY | O_DIRECTORY, 0, beneath),
      'open',
      this.#shown,
    )
    try {
      for (const entry of readDirectory(fd)) {
        if (!this.#unlink(fd, entry.name)) {
          // Moving a directory writes to it, which a user may have to be allowed first.
          fchmodat(fd, entry.name, 0o700, AT_SYMLINK_NOFOLLOW)
          check(renameat2(fd, entry.name, this.#fd, this.#place()), 'rename', this.#shown)
        }
        yield
      }
    } finally {
      close(fd)
    }
    check(unlinkat(this.#fd, name, AT_REMOVEDIR), 'rmdir', this.#shown)
  }

  // False for a directory that is not empty.
  #unlink(directory: number, name: Buffer): boolean {
    let e = unlinkat(directory, name)
    if (e === -errno.EISDIR) e = unlinkat(directory, name, AT_REMOVEDIR)
    if (e === -errno.ENOTEMPTY || e === -errno.EEXIST || e === -errno.EACCES) return false
    check(e, 'unlink', this.#shown)
    return true
  }
}
