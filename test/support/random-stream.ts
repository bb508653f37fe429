// Streams as a journal would write them: random operations on a model of a tree, each of which is
// possible at its place.

import { fallocateMode, renameFlag, which } from '#wire'
import type { Random } from './random.js'
import { StreamWriter } from './stream-writer.js'

interface Inode {
  readonly kind: 'dir' | 'file' | 'other'
  size: number
  xattrs: Set<string>
}
interface Entry {
  name: string
  parent: Entry | undefined
  readonly inode: Inode
  readonly children: Map<string, Entry>
}

const kindsOfNode = [0o010644, 0o140600, 0o020600]

export interface RandomStreamOptions {
  /** Without device nodes and foreign owners, as an ordinary user's tree. */
  readonly plain?: boolean
  /** Owner of everything, where it is plain. */
  readonly uid?: number
  readonly gid?: number
}

class Dice {
  readonly #random: Random

  constructor(source: Random) {
    this.#random = source
  }

  below(limit: number): number {
    return this.#random.next(limit)
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }
}

export class RandomStream {
  readonly writer: StreamWriter
  readonly #random: Dice
  readonly #options: RandomStreamOptions
  readonly #root = entryOf('', undefined, 'dir')
  readonly #dirs: Entry[] = [this.#root]
  readonly #others: Entry[] = []
  #moment = 0

  constructor(source: Random, options: RandomStreamOptions = {}, epoch = 7) {
    this.#random = new Dice(source)
    this.#options = options
    this.writer = new StreamWriter(epoch)
  }

  /** Adds messages for `count` operations. */
  run(count: number): this {
    for (let i = 0; i < count; i++) this.#step()
    return this
  }

  /** Gives every file the mtime that a source tells once it is no longer written. */
  settle(): this {
    for (const entry of this.#others)
      if (entry.inode.kind === 'file')
        this.writer.add('setattr', {
          path: pathTo(entry),
          which: which.MTIME,
          ...this.#mtime('mtime'),
        })
    return this
  }

  #step(): void {
    const r = this.#random
    const way = r.below(100)
    if (way < 22) this.#make()
    else if (way < 55) this.#change()
    else if (way < 65) this.#describe()
    else if (way < 75) this.#rename()
    else if (way < 80) this.#link()
    else if (way < 90 && this.#others.length > 40) this.#unlink()
    else if (way < 93) this.#rmdir()
    else if (way < 95) this.#exchange()
    else this.#make()
  }

  #make(): void {
    const r = this.#random
    const parent = r.pick(this.#dirs)
    const name = this.#freeName(parent)
    const path = pathOf(parent, name)
    const body = { path, ...this.#owner(), ...this.#mtime('mtime'), ...this.#mtime('dirMtime') }
    const mode = r.pick([0o644, 0o600, 0o755, 0o444, 0o4755, 0o2711, 0o000])
    const kind = r.below(10)
    if (kind < 2 && this.#dirs.length < 60) {
      this.writer.add('mkdir', {
        ...body,
        mode: r.pick([0o755, 0o700, 0o2775, 0o1777, 0o555, 0o500]),
      })
      this.#dirs.push(this.#enter(parent, name, 'dir'))
    } else if (kind < 7) {
      this.writer.add('create', { ...body, mode })
      this.#others.push(this.#enter(parent, name, 'file'))
    } else if (kind < 8) {
      const node = r.pick(this.#options.plain ? kindsOfNode.slice(0, 2) : kindsOfNode)
      this.writer.add('mknod', { ...body, mode: node, major: node >>> 13 === 1 ? 1 : 0 })
      this.#others.push(this.#enter(parent, name, 'other'))
    } else {
      this.writer.add('symlink', { ...body, target: r.pick(['x', '../y', '/etc/passwd', '.']) })
      this.#others.push(this.#enter(parent, name, 'other'))
    }
  }

  #change(): void {
    const r = this.#random
    const file = this.#file()
    if (!file) return this.#make()
    const path = pathTo(file)
    const { inode } = file
    const way = r.below(10)
    const offset = r.below(20_000)
    if (way < 6) {
      const data = r.bytes(r.below(3000))
      this.writer.add('write', { path, offset, data })
      if (data.length > 0) inode.size = Math.max(inode.size, offset + data.length)
    } else if (way < 7) {
      this.writer.add('truncate', { path, size: offset })
      inode.size = offset
    } else if (way < 8) {
      const mode = r.pick([0, fallocateMode.KEEP_SIZE | fallocateMode.PUNCH_HOLE, 16])
      const length = 1 + r.below(9000)
      this.writer.add('fallocate', { path, mode, offset, length })
      if (!(mode & fallocateMode.KEEP_SIZE)) inode.size = Math.max(inode.size, offset + length)
    } else {
      const from = this.#file()
      if (!from || from.inode === inode || from.inode.size === 0) return
      const fromOffset = r.below(from.inode.size)
      const length = from.inode.size - fromOffset
      this.writer.add('copy', { path, from: pathTo(from), offset, fromOffset, length })
      inode.size = Math.max(inode.size, offset + length)
    }
  }

  #describe(): void {
    const r = this.#random
    const entry = r.pick(r.chance(30) ? this.#dirs : this.#others) as Entry | undefined
    if (!entry) return
    const path = pathTo(entry)
    const { kind, xattrs } = entry.inode
    const canHold = kind !== 'other'
    if (r.chance(60) || !canHold) {
      const ids = this.#options.plain ? 0 : which.UID | which.GID
      const bits = r.below(32) & (which.MTIME | (kind === 'other' ? 0 : which.MODE) | ids)
      if (bits === 0) return
      const mode = r.pick([0o755, 0o640, 0o4711, 0o400])
      const owner = this.#owner()
      this.writer.add('setattr', { path, which: bits, mode, ...owner, ...this.#mtime('mtime') })
    } else if (xattrs.size > 0 && r.chance(30)) {
      const name = r.pick([...xattrs])
      xattrs.delete(name)
      this.writer.add('removexattr', { path, name })
    } else {
      const name = `user.${r.below(4)}`
      xattrs.add(name)
      this.writer.add('setxattr', { path, name, value: r.bytes(r.below(50)) })
    }
  }

  #rename(): void {
    const r = this.#random
    const list = r.chance(25) ? this.#dirs : this.#others
    const entry = r.pick(list) as Entry | undefined
    const parent = r.pick(this.#dirs)
    if (!entry || entry === this.#root || isWithin(parent, entry)) return
    const victim = r.chance(40) ? r.pick([...parent.children.values()]) : undefined
    // An entry onto another name of its own inode changes nothing.
    if (victim && !this.#canReplace(entry, victim)) return
    const name = victim?.name ?? this.#freeName(parent)
    const body = { path: pathTo(entry), newPath: pathOf(parent, name) }
    const flags = !victim && r.chance(20) ? renameFlag.NOREPLACE : 0
    const mtimes = this.#mtimes(entry.parent === parent)
    this.writer.add('rename', { ...body, flags, ...mtimes })
    if (victim) this.#forget(victim)
    entry.parent?.children.delete(entry.name)
    entry.name = name
    entry.parent = parent
    parent.children.set(name, entry)
  }

  #canReplace(entry: Entry, victim: Entry): boolean {
    if (entry === victim || entry.inode === victim.inode) return false
    if (entry.inode.kind !== 'dir') return victim.inode.kind !== 'dir'
    return victim.inode.kind === 'dir' && victim.children.size === 0 && !isWithin(entry, victim)
  }

  #exchange(): void {
    const r = this.#random
    const a = r.pick(r.chance(40) ? this.#dirs : this.#others) as Entry | undefined
    const b = r.pick(r.chance(40) ? this.#dirs : this.#others) as Entry | undefined
    if (!a?.parent || !b?.parent || a.inode === b.inode) return
    if (isWithin(a, b) || isWithin(b, a)) return
    const { parent, name } = a
    const mtimes = this.#mtimes(parent === b.parent)
    const flags = renameFlag.EXCHANGE
    this.writer.add('rename', { path: pathTo(a), newPath: pathTo(b), flags, ...mtimes })
    b.parent.children.set(b.name, a)
    parent.children.set(name, b)
    Object.assign(a, { parent: b.parent, name: b.name })
    Object.assign(b, { parent, name })
  }

  #link(): void {
    const r = this.#random
    const entry = r.pick(this.#others) as Entry | undefined
    if (!entry) return
    const parent = r.pick(this.#dirs)
    const name = this.#freeName(parent)
    const newPath = pathOf(parent, name)
    this.writer.add('link', { path: pathTo(entry), newPath, ...this.#mtime('newDirMtime') })
    this.#others.push(this.#enter(parent, name, entry.inode.kind, entry.inode))
  }

  #unlink(): void {
    const entry = this.#random.pick(this.#others)
    this.writer.add('unlink', { path: pathTo(entry), ...this.#mtime('dirMtime') })
    this.#forget(entry)
  }

  #rmdir(): void {
    const entry = this.#dirs.find((dir) => dir !== this.#root && dir.children.size === 0)
    if (!entry) return
    this.writer.add('rmdir', { path: pathTo(entry), ...this.#mtime('dirMtime') })
    this.#forget(entry)
  }

  #file(): Entry | undefined {
    for (let i = 0; i < 10; i++) {
      const entry = this.#random.pick(this.#others) as Entry | undefined
      if (entry?.inode.kind === 'file') return entry
    }
    return undefined
  }

  #enter(parent: Entry, name: string, kind: Inode['kind'], inode?: Inode): Entry {
    const entry = entryOf(name, parent, kind, inode)
    parent.children.set(name, entry)
    return entry
  }

  #forget(entry: Entry): void {
    entry.parent?.children.delete(entry.name)
    const list = entry.inode.kind === 'dir' ? this.#dirs : this.#others
    list.splice(list.indexOf(entry), 1)
  }

  #freeName(parent: Entry): string {
    for (;;) {
      const name = `${this.#random.pick(['n', 'ü', ' ', '-'])}${this.#random.below(1000)}`
      if (!parent.children.has(name)) return name
    }
  }

  #owner(): { uid: number; gid: number } {
    const { plain, uid = 0, gid = 0 } = this.#options
    return plain ? { uid, gid } : { uid: this.#random.below(5), gid: this.#random.below(5) }
  }

  #mtime(prefix: string): Record<string, number> {
    const nsec = this.#random.below(1_000_000_000)
    return { [`${prefix}Sec`]: 1_600_000_000 + this.#moment++, [`${prefix}Nsec`]: nsec }
  }

  #mtimes(isOne: boolean): Record<string, number> {
    const { dirMtimeSec = 0, dirMtimeNsec = 0 } = this.#mtime('dirMtime')
    const old = { dirMtimeSec, dirMtimeNsec }
    if (!isOne) return { ...old, ...this.#mtime('newDirMtime') }
    return { ...old, newDirMtimeSec: dirMtimeSec, newDirMtimeNsec: dirMtimeNsec }
  }
}

function entryOf(
  name: string,
  parent: Entry | undefined,
  kind: Inode['kind'],
  inode: Inode = { kind, size: 0, xattrs: new Set() },
): Entry {
  return { name, parent, inode, children: new Map() }
}

const pathTo = (entry: Entry): string => (entry.parent ? pathOf(entry.parent, entry.name) : '')
const pathOf = (parent: Entry, name: string): string =>
  parent.parent ? `${pathTo(parent)}/${name}` : name

function isWithin(entry: Entry, tree: Entry): boolean {
  for (let at: Entry | undefined = entry; at; at = at.parent) if (at === tree) return true
  return false
}
