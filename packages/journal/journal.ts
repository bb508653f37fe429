// Mounts a store and journals it until the end: an unmount, a signal, or the end of a command.

import { hostname } from 'node:os'
import { realpathSync, statSync } from 'node:fs'
import { check, raiseFileLimit } from '#posix'
import { mount, mountServer, parseMountOptions, readMounts, replaceDeadMount } from '#fuse'
import { SpoolWriter, type SpoolWriterOptions } from '#spool'
import type { PathRule } from '#wire'
import { refuseInnerMounts } from './inner-mounts.js'
import { JournalError } from './journal-error.js'
import { openRoot, refuseSpoolInside, refuseLoops } from './open-root.js'
import type { ReplicasOptions } from './replicas.js'
import { Run } from './run.js'

export interface JournalOptions {
  /** Paths of existing directories, which may be the same. */
  readonly store: string
  readonly mountpoint: string
  /** Lists in FUSE's spelling, as `-o` gives them. */
  readonly mountOptions: readonly string[]
  readonly exclude: readonly PathRule[]
  /** What an output that does not drain does to the mount: hold it up, or lose the journal. */
  readonly onFull: 'block' | 'detach'
  readonly fullTimeoutMs: number
  /** Bytes of content that assertions may state in a second; 0: no limit. */
  readonly assertRate: number
  /** Captive mode: a shell command that runs on the mount, which ends with it. */
  readonly run: string | undefined
  /** Where the stream is kept as well, if anywhere. */
  readonly spool: SpoolWriterOptions | undefined
  /** A shell command that takes the stream, in place of the output: see Heads. */
  readonly exec: string | undefined
  /** How many copies a sync on the mount waits for. */
  readonly replicas: ReplicasOptions
  /** Where readers' requests come from, if that is no terminal or other device. */
  readonly requestsFd: number
  /** The descriptor that takes the stream. */
  readonly outputFd: number
  readonly log: (what: string, why: string) => void
  /** Gets the status, as `.tfs/status` has it, where a signal asks for it. */
  readonly print: (text: string) => void
  /** For those who want to hear more. */
  readonly verbose: (what: string, why: string) => void
}

export interface JournalEnd {
  /** The signal that asked for it, if one did. */
  readonly signal: NodeJS.Signals | undefined
  /**
   * The command's, in captive mode, if not 0; else 0, 1 if not all changes were journalled, 111 if
   * aborted.
   */
  readonly exitCode: number
}

/** Resolves when the mount is gone and the stream has ended. Rejects with an error of any layer. */
export async function journal(options: JournalOptions): Promise<JournalEnd> {
  const { store, mountpoint, log } = options
  const mountOptions = parseMountOptions(options.mountOptions)
  for (const option of mountOptions.withoutEffect)
    options.verbose(`-o ${option}`, 'has no effect here')
  if (replaceDeadMount(mountpoint)) log(mountpoint, 'a dead mount of an earlier run was replaced')
  refuseMissing(mountpoint)
  refuseLiveMount(mountpoint)
  const storeFd = openRoot(store)
  refuseLoops(storeFd, store, realpathSync(mountpoint), options.outputFd)
  refuseInnerMounts(storeFd, realpathSync(store), options.exclude)
  if (options.spool) {
    refuseSpoolInside(storeFd, store, mountpoint, options.spool.path)
    checkSpool(options.spool, log)
  }
  raiseFileLimit(1 << 20)
  const source = `${hostname()}:${realpathSync(store)}`
  // It takes the signals over first: from here on none may leave a dead mount behind.
  const run = new Run(options)
  try {
    const mounted = mount({ mountpoint, options: mountOptions, fsName: realpathSync(store) })
    return await run.serve(mounted, storeFd, source)
  } finally {
    await run.close()
  }
}

// It is opened by the thread that writes it; what is wrong with it is told before there is a mount.
function checkSpool(spool: SpoolWriterOptions, log: JournalOptions['log']): void {
  const writer = new SpoolWriter(spool)
  if (writer.torn !== undefined) log(spool.path, `cut off what a crash had left: ${writer.torn}`)
  check(writer.close(), 'fsync', spool.path)
}

function refuseMissing(mountpoint: string): void {
  if (statSync(mountpoint, { throwIfNoEntry: false })) return
  const what = `the mount point '${mountpoint}' does not exist`
  throw new JournalError('EMOUNTPOINT', `${what}; make it with mkdir`)
}

// A second journal over the store itself would see the first one's mount, not the store.
function refuseLiveMount(mountpoint: string): void {
  const path = Buffer.from(realpathSync(mountpoint))
  const entry = readMounts().findLast(({ mountPoint }) => mountPoint.equals(path))
  if (entry?.fsType !== 'fuse.tfs') return
  const pid = mountServer(entry)
  const by = pid === undefined ? '' : `, process ${pid}`
  const what = `'${mountpoint}' is already the mount of a journal${by}`
  throw new JournalError(
    'EINUSE',
    `${what}, of the store '${entry.source.toString()}': end that first`,
  )
}
