// Files whose content changes said, and whose mtime the stream does not have yet: by the paths that
// they have in the end.

import { renameFlag, which, type Body, type MessageName } from '#wire'

export class OwedTimes {
  // By path, as latin1.
  readonly #paths = new Set<string>()

  /** A message of the stream. */
  follow<K extends MessageName>(name: K, body: Body<K>): void
  follow(...[name, body]: { [K in MessageName]: [name: K, body: Body<K>] }[MessageName]): void {
    switch (name) {
      case 'write':
      case 'truncate':
      case 'fallocate':
      case 'copy':
        this.#paths.add(keyOf(body.path))
        break
      case 'link':
        if (this.#paths.has(keyOf(body.path))) this.#paths.add(keyOf(body.newPath))
        break
      case 'setattr':
        if (body.which & which.MTIME) this.#paths.delete(keyOf(body.path))
        break
      case 'unlink':
      case 'rmdir':
        this.#paths.delete(keyOf(body.path))
        break
      case 'rename':
        this.#rename(keyOf(body.path), keyOf(body.newPath), body.flags)
        break
      default:
    }
  }

  paths(): Buffer[] {
    return [...this.#paths].map((path) => Buffer.from(path, 'latin1'))
  }

  #rename(from: string, to: string, flags: number): void {
    const moved = this.#take(from)
    const other = this.#take(to)
    for (const rest of moved) this.#paths.add(to + rest)
    if (flags === renameFlag.EXCHANGE) for (const rest of other) this.#paths.add(from + rest)
  }

  // Takes out what is at `path` and below; gives what follows `path` in each.
  #take(path: string): string[] {
    const rests: string[] = []
    for (const one of this.#paths)
      if (one === path || one.startsWith(`${path}/`)) {
        this.#paths.delete(one)
        rests.push(one.slice(path.length))
      }
    return rests
  }
}

const keyOf = (path: Buffer) => path.toString('latin1')
