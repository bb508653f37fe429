// States directories: their attributes, and their names in bounded lists.

import { close } from '#posix'
import { encodeNames } from '#wire'
import { endOfList, namesIn } from './names-in.js'
import { readXattrs } from './read-xattrs.js'
import type { Walk } from './walker.js'

const none = Buffer.alloc(0)

export class DirectoryStatements {
  readonly #walk: Walk

  constructor(walk: Walk) {
    this.#walk = walk
  }

  /** The directory at `path`, which the place has entered. 0 or -errno. */
  state(path: Buffer): number {
    const { context, place, request, pending, ahead, counts } = this.#walk
    const fd = place.openDirectory()
    if (fd < 0) return fd
    const names = namesIn(context.tree, fd, path)
    close(fd)
    if (typeof names === 'number') return names
    const xattrs = readXattrs(place.dirfd, place.name)
    if (typeof xattrs === 'number') return xattrs
    const { mode, uid, gid, mtimeSec, mtimeNsec } = place.stat
    const attributes = { mode: mode & 0o7777, uid, gid, mtimeSec, mtimeNsec, xattrs }
    const { id, isDeep } = request
    for (let at = 0, after: Buffer = none, isLast = false; !isLast;) {
      const end = endOfList(names, at)
      isLast = end === names.length
      const upto = isLast ? none : names[end - 1]!.name
      const list = encodeNames(names.slice(at, end))
      const body = { id, path, ...attributes, after, upto, names: list }
      context.emitter.emit('assert-dir', body)
      after = upto
      at = end
    }
    counts.directories++
    pending.done(path, isDeep ? names.map((one) => one.name) : [])
    if (isDeep) ahead.enter(path, names)
    return 0
  }
}
