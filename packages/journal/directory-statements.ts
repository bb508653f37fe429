// States directories: their attributes, and their names in lists, each of which is true at its own
// place in the stream. Reading one takes as many steps as it needs.

import { close } from '#posix'
import { encodeNames } from '#wire'
import type { Listing } from './listing.js'
import { readNames } from './names-in.js'
import { readXattrs } from './read-xattrs.js'
import type { Walk } from './walker.js'

/** Bytes of names in one message. */
const listMax = 32 << 10
const none = Buffer.alloc(0)

export class DirectoryStatements {
  readonly #walk: Walk
  // The directory that is being read.
  #reading: { readonly listing: Listing; readonly fd: number } | undefined

  constructor(walk: Walk) {
    this.#walk = walk
  }

  /**
   * The directory at `path`, which the place has entered: reads some of it, or states it where all
   * is read. 0 or -errno.
   */
  state(path: Buffer, found: Listing | undefined): number {
    return found?.isRead ? this.#list(path, found) : this.#read(path, found)
  }

  close(): void {
    if (this.#reading) close(this.#reading.fd)
    this.#reading = undefined
  }

  #read(path: Buffer, found: Listing | undefined): number {
    const { place, pending, context } = this.#walk
    // Another one may have come between, while this one had another place: then all anew.
    if (!this.#reading || this.#reading.listing !== found) {
      this.close()
      const fd = place.openDirectory()
      if (fd < 0) return fd
      this.#reading = { fd, listing: pending.list(path) }
    }
    const { fd, listing } = this.#reading
    const length = readNames(context.tree, fd, path, (name, type) => listing.read(name, type))
    if (length <= 0) this.close()
    if (length === 0) listing.readAll()
    return Math.min(0, length)
  }

  #list(path: Buffer, listing: Listing): number {
    const { context, place, request, pending, ahead, counts } = this.#walk
    const xattrs = readXattrs(place.dirfd, place.name)
    if (typeof xattrs === 'number') return xattrs
    const { mode, uid, gid, mtimeSec, mtimeNsec } = place.stat
    const { id, isDeep } = request
    const after = listing.upto
    const { names, isLast } = listing.take(Math.min(listMax, context.emitter.pieceMax))
    context.emitter.emit('assert-dir', {
      id,
      path,
      mode: mode & 0o7777,
      uid,
      gid,
      mtimeSec,
      mtimeNsec,
      xattrs,
      after,
      upto: isLast ? none : listing.upto,
      names: encodeNames(names),
    })
    pending.listed(path, isDeep ? names.map(({ name }) => name) : [], isLast)
    if (isDeep) ahead.enter(path, names, !isLast)
    if (isLast) counts.directories++
    return 0
  }
}
