// The directory `.tfs` at the mount's root: found by name, never listed, never journalled. Reading
// its files tells about the journal, writing to them asks it for something.

import { errno } from '#posix'
import type { Handlers, Reply, Request } from '#fuse'
import { controlHandlers } from './control-handlers.js'
import type { Tree } from './tree.js'

/** One of them. */
export interface ControlFile {
  readonly name: string
  /** What it holds at this moment. */
  read(): Buffer
  /**
   * Takes what was written to it: 0, -errno, or PENDING where `done(0 or -errno)` comes later.
   * Files without it cannot be written.
   */
  readonly write?: (text: Buffer, done: (result: number) => void) => number
}

export interface ControlFilesOptions {
  readonly tree: Tree
  /** Who owns them, and may write to them. */
  readonly uid: number
  readonly gid: number
  readonly files: readonly ControlFile[]
  /** Answers a request that was PENDING. */
  readonly answer: (unique: number, error: number, fill: (reply: Reply) => void) => void
}

/** Numbers of nodes and of open files: above all those of the store. Files follow the directory. */
export const directoryId = 2 ** 48

type Handle = (request: Readonly<Request>, arg: never, reply: Reply) => number
type Concerns = (request: Readonly<Request>, arg: never) => boolean

/** `handlers`, with `.tfs` in front of them. */
export function withControlFiles(handlers: Handlers, options: ControlFilesOptions): Handlers {
  const own = controlHandlers(options) as Readonly<Record<string, Handle>>
  const all: Record<string, Handle> = {}
  for (const [name, usual] of Object.entries(handlers) as [string, Handle][]) {
    const control = own[name] ?? (() => -errno.EPERM)
    const concerns = concernsBy(name, options.tree)
    all[name] = (request, arg, reply) =>
      concerns(request, arg) ? control(request, arg, reply) : usual(request, arg, reply)
  }
  return all as Handlers
}

/** Which requests of an opcode are about `.tfs`. */
function concernsBy(name: string, tree: Tree): Concerns {
  const { root } = tree.nodes
  if (name === 'FUSE_STATFS') return () => false
  if (name === 'FUSE_LOOKUP')
    return ({ nodeid }, arg: { name: Buffer }) =>
      nodeid >= directoryId || (nodeid === root.id && tree.isReserved(root, arg.name))
  if (name === 'FUSE_LINK')
    return ({ nodeid }, { oldnodeid }: { oldnodeid: number }) =>
      nodeid >= directoryId || oldnodeid >= directoryId
  if (name === 'FUSE_RENAME' || name === 'FUSE_RENAME2')
    return ({ nodeid }, { newdir }: { newdir: number }) =>
      nodeid >= directoryId || newdir >= directoryId
  return ({ nodeid }) => nodeid >= directoryId
}
