// An ordinary user's mirror has directories and files that their own owner may not write to. Where
// an operation fails for that, their modes are widened for its time. What they were is noted in
// .tfs/unlocked before, since a kill may come between.

import { AT_EMPTY_PATH, check, close, errno, fchmodat, fstat, ftruncate, geteuid } from '#posix'
import { noName, O_APPEND, O_CREAT, O_NOFOLLOW, O_PATH, O_RDWR, openat2, pread } from '#posix'
import { S_IFDIR, S_IFLNK, S_IFREG, Stat, write } from '#posix'
import { beneath } from './directories.js'
import { openPrivateFile, openPrivateFileIfThere } from './private-file.js'
import { keyOf, type Tree } from './tree.js'

interface Held {
  readonly fd: number
  readonly mode: number
}

const isRoot = process.geteuid?.() === 0

// A path of the largest size, all of its directories listed, is what one operation can take.
const listMax = 64 << 20

export class Unlock {
  readonly #state: number
  readonly #shown: string
  readonly #uid = geteuid()
  readonly #stat = new Stat()

  constructor(state: number, stateShown: string) {
    this.#state = state
    this.#shown = `${stateShown}/unlocked`
  }

  /** Gives back the modes that a killed run had widened. Throws errno errors. */
  recover(tree: Tree): void {
    const fd = openPrivateFileIfThere(this.#state, 'unlocked', this.#shown)
    if (fd === undefined) return
    check(fstat(fd, this.#stat.buffer), 'stat', this.#shown)
    const bytes = Buffer.alloc(Math.min(this.#stat.size, listMax))
    const length = check(pread(fd, bytes, 0, bytes.length, 0), 'read', this.#shown)
    const words = bytes.toString('latin1', 0, length).split('\0').slice(0, -1)
    for (let i = words.length - 2; i >= 0; i -= 2) {
      const path = Buffer.from(words[i] as string, 'latin1')
      const object = tree.object(path)
      if (object < 0) continue
      fchmodat(object, noName, parseInt(words[i + 1] as string, 8), AT_EMPTY_PATH)
      tree.release(path, object)
    }
    check(ftruncate(fd, 0), 'ftruncate', this.#shown)
    close(fd)
  }

  /**
   * Runs `operation`, and where a user has no leave for it once more, as `during` does: it must be
   * one that can be gone on with from the beginning.
   */
  over(tree: Tree, path: Buffer, itself: boolean, operation: () => number): number {
    const e = operation()
    return e !== -errno.EACCES || isRoot ? e : this.during(tree, [path], itself, operation)
  }

  /**
   * Runs `operation` with leave to change the directories that hold `paths`, and with `itself` also
   * what is there; the first may get the name of the second. Its result, or -EACCES. What it opens
   * stays open to it. One may run within another. Throws errno errors.
   */
  during(tree: Tree, paths: readonly Buffer[], itself: boolean, operation: () => number): number {
    const held: Held[] = []
    const flags = O_RDWR | O_CREAT | O_APPEND
    const list = openPrivateFile(this.#state, 'unlocked', this.#shown, flags)
    const length = fstat(list, this.#stat.buffer) < 0 ? 0 : this.#stat.size
    try {
      for (const path of paths) this.#open(tree, path, paths[1], itself, held, list)
      return held.length > 0 ? operation() : -errno.EACCES
    } finally {
      for (const { fd, mode } of held.toReversed()) {
        fchmodat(fd, noName, mode, AT_EMPTY_PATH)
        if (fd !== tree.root) close(fd)
      }
      ftruncate(list, length)
      close(list)
      for (const path of paths) knowMode(tree, path)
    }
  }

  // Each component in turn, as far as there is something.
  #open(
    tree: Tree,
    path: Buffer,
    newPath: Buffer | undefined,
    itself: boolean,
    held: Held[],
    list: number,
  ): void {
    this.#widen(tree.root, [noName], held, list)
    let parent = tree.root
    for (let start = 0, end = 0; end < path.length; start = end + 1) {
      end = path.indexOf(0x2f, start)
      if (end < 0) end = path.length
      if (end === path.length && !itself) break
      const fd = openat2(parent, path.subarray(start, end), O_PATH | O_NOFOLLOW, 0, beneath)
      if (parent !== tree.root && !held.some((h) => h.fd === parent)) close(parent)
      if (fd < 0) return
      parent = fd
      const isMoving = end === path.length && newPath !== undefined && newPath !== path
      this.#widen(fd, [path.subarray(0, end), ...(isMoving ? [newPath] : [])], held, list)
    }
    if (parent !== tree.root && !held.some((h) => h.fd === parent)) close(parent)
  }

  // Under the name that it may get it is listed only where that is free.
  #widen(fd: number, paths: readonly Buffer[], held: Held[], list: number): void {
    if (fstat(fd, this.#stat.buffer) < 0) return
    const { type, uid } = this.#stat
    const mode = this.#stat.mode & 0o7777
    const wanted = type === S_IFDIR ? 0o700 : type === S_IFREG ? 0o600 : 0
    if (uid !== this.#uid || type === S_IFLNK || (mode & wanted) === wanted) return
    for (const path of paths) {
      const line = Buffer.concat([path, Buffer.from(`\0${mode.toString(8)}\0`)])
      check(write(list, line, 0, line.length), 'write', this.#shown)
    }
    if (fchmodat(fd, noName, mode | wanted, AT_EMPTY_PATH) === 0) held.push({ fd, mode })
  }
}

// A file that was opened meanwhile has its own mode again.
function knowMode(tree: Tree, path: Buffer): void {
  const file = tree.files.get(keyOf(path))
  const mode = file ? tree.modeOf(file.fd) : -1
  if (file && mode >= 0) file.mode = mode & 0o7777
}
