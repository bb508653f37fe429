// What every handler works with.

import { errno, noName, Stat, umask } from '#posix'
import { which, type Body, type OperationName } from '#wire'
import type { Contents } from './contents.js'
import type { Emitter } from './emitter.js'
import type { JournalSpool } from './journal-spool.js'
import { ModificationTimes } from './modification-times.js'
import type { Node } from './node.js'
import { OpenFiles } from './open-file.js'
import type { Replicas } from './replicas.js'
import type { SyncPool } from './sync-pool.js'
import type { Tree } from './tree.js'

/** How long the kernel may keep what it was told, in seconds: nobody else changes the store. */
export const ttlSec = 3600

export class JournalContext {
  readonly tree: Tree
  readonly emitter: Emitter
  readonly times: ModificationTimes
  readonly files: OpenFiles
  readonly syncs: SyncPool
  readonly contents: Contents
  readonly spool: JournalSpool | undefined
  readonly replicas: Replicas
  /** As whom files are made without asking for it. */
  readonly uid: number
  readonly gid: number
  readonly #onLost: (path: Buffer, errno: number, seq: number) => void
  /**
   * Of the object at hand, and of its directory. Kept, so valid until the next one is looked at.
   */
  readonly stat = new Stat()
  readonly parentStat = new Stat()
  /** Something is being stated: what a copy is to be made of may not be. */
  isAsserting: () => boolean = () => false
  /** Told of what could not be stated, and whether that is tried again. */
  onUnstated: (path: Buffer, errno: number, isTriedAgain: boolean) => void = () => undefined
  /** Changes that are in the store and not in the stream. */
  lostCount = 0
  #umask = -1

  /** `onLost` is told of each path whose change is in the store and could not be emitted. */
  constructor(
    tree: Tree,
    emitter: Emitter,
    parts: Pick<JournalContext, 'syncs' | 'contents' | 'spool' | 'replicas'>,
    ids: { uid: number; gid: number },
    onLost: (path: Buffer, errno: number, seq: number) => void,
  ) {
    this.#onLost = onLost
    this.files = new OpenFiles(tree.budget.files)
    this.tree = tree
    this.emitter = emitter
    this.times = new ModificationTimes(this)
    this.syncs = parts.syncs
    this.contents = parts.contents
    this.spool = parts.spool
    this.replicas = parts.replicas
    this.uid = ids.uid
    this.gid = ids.gid
    const { nodes } = tree
    const { onGone } = nodes
    nodes.onGone = (node) => {
      // Later it could be renamed without our knowing that it is the same.
      this.times.flush(node)
      onGone(node)
    }
  }

  node(id: number): Node | undefined {
    return this.tree.nodes.get(id)
  }

  /** A node's descriptor as a directory, or -errno. */
  directory(node: Node | undefined): number {
    return node ? this.tree.directories.fd(node) : -errno.ESTALE
  }

  /**
   * Calls `done`, with 0 or -errno, when all that was emitted is as durable as the spool makes it.
   */
  whenDurable(done: (result: number) => void): void {
    if (this.spool) this.spool.whenDurable(done)
    else done(0)
  }

  /**
   * Calls `done`, with 0 or -errno, when as many copies as are wanted have message `seq` durably.
   * Who waits is the thread `pid` with its request `unique`.
   */
  whenReplicated(seq: number, unique: number, pid: number, done: (result: number) => void): void {
    const { emitter, replicas } = this
    if (!replicas.isWanted) done(0)
    else if (emitter.isAttached) replicas.wait(seq, unique, pid, done)
    // No copy will ever have it.
    else done(replicas.resultWithout)
  }

  emit<K extends OperationName>(name: K, body: Body<K>): void {
    this.emitter.emit(name, body)
    this.emitter.onOperation?.(name, body)
  }

  /**
   * For a change that the store has and that cannot be emitted, since looking at it failed with
   * -errno `e`. The stream says that it lacks something, so that no reader takes it for whole.
   */
  lose(path: Buffer, e: number): void {
    if (!this.emitter.isAttached) return
    this.emitter.lose()
    this.lostCount++
    this.#onLost(path, -e, this.emitter.seq)
  }

  /** Makes the store's file system apply the caller's umask, or a default ACL in its place. */
  useUmask(mask: number): void {
    if (mask === this.#umask) return
    umask(mask)
    this.#umask = mask
  }

  /** The times of a directory after something in it changed, for the message about it. */
  directoryTimes(node: Node): { dirMtimeSec: number; dirMtimeNsec: number } {
    const e = this.tree.stat(node, this.parentStat)
    // It was just used, so that is damage. What the kept struct says is as wrong as anything.
    if (e < 0) this.lose(this.tree.path(node) ?? noName, e)
    return {
      dirMtimeSec: this.parentStat.mtimeSec,
      dirMtimeNsec: this.parentStat.mtimeNsec,
    }
  }

  /**
   * Emits the attributes `bits` (see which) that are in `stat`, with another mode if one is given.
   */
  emitAttributes(path: Buffer, bits: number, stat: Stat, mode = stat.mode): void {
    const { uid, gid, atimeSec, atimeNsec, mtimeSec, mtimeNsec } = stat
    this.emit('setattr', {
      path,
      which: bits,
      mode: mode & 0o7777,
      uid,
      gid,
      atimeSec,
      atimeNsec,
      mtimeSec,
      mtimeNsec,
    })
  }

  /** An unjournalled change in a directory still changes the directory's own mtime. */
  emitDirectoryTime(parent: Node): void {
    const path = this.tree.path(parent)
    if (!path) return
    const e = this.tree.stat(parent, this.parentStat)
    if (e < 0) this.lose(path, e)
    else this.emitAttributes(path, which.MTIME, this.parentStat)
  }
}
