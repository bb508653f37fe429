// The usual arrangement, ready made: the main thread mounts and keeps signals, a worker thread runs
// the session with the handlers that a module exports.

import { Worker } from 'node:worker_threads'
import { replaceDeadMount } from './dead-mount.js'
import { mount, type Mounted } from './mount.js'
import type { MountOptions } from './mount-options.js'
import type { SessionEnd } from './session.js'

export interface ServeOptions {
  mountpoint: string
  /** A module that exports `handlers`, or `handlers(data)`: see Handlers. Loaded in the worker. */
  module: URL
  /** For `handlers`, if it is a function: anything that structured cloning copies. */
  data?: unknown
  mount?: MountOptions
  fsName?: string
  subtype?: string
  /** Told of exceptions of handlers, and of an unmount that a signal asked for and that failed. */
  onError: (message: string) => void
}

/** What the worker is started with. */
export interface SessionWorkerData {
  fd: number
  module: string
  data: unknown
}

/** What the worker posts: an error while serving, then how the session ended. */
export type SessionWorkerMessage = { error: string } | { end: SessionEnd }

/**
 * Replaces a dead mount of the same type, mounts, serves, and resolves when the file system is
 * unmounted: by umount(8), or on SIGINT or SIGTERM, with the signal. Where it is in use a first
 * signal is refused with a message; a second unmounts lazily. Rejects where mounting fails or the
 * worker dies; the mount is then gone.
 */
export async function serve(options: ServeOptions): Promise<NodeJS.Signals | undefined> {
  replaceDeadMount(options.mountpoint, options.mount?.subtype ?? options.subtype)
  const mounted = mount({
    mountpoint: options.mountpoint,
    ...(options.mount && { options: options.mount }),
    ...(options.fsName !== undefined && { fsName: options.fsName }),
    ...(options.subtype !== undefined && { subtype: options.subtype }),
  })
  let signalled: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals) => {
    const again = signalled !== undefined
    signalled = signal
    tryUnmount(mounted, again, options.onError)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  try {
    await sessionInWorker(mounted, options)
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    // After an abort, or the worker's death, the mount is dead but there.
    tryUnmount(mounted, true, options.onError)
  }
  return signalled
}

function tryUnmount(mounted: Mounted, lazy: boolean, onError: ServeOptions['onError']): void {
  try {
    mounted.unmount({ lazy })
  } catch (error) {
    onError((error as Error).message)
  }
}

function sessionInWorker(mounted: Mounted, options: ServeOptions): Promise<SessionEnd> {
  const workerData: SessionWorkerData = {
    fd: mounted.fd,
    module: options.module.href,
    data: options.data,
  }
  const worker = new Worker(new URL('session-worker.js', import.meta.url), { workerData })
  return new Promise((resolve, reject) => {
    worker.on('message', (message: SessionWorkerMessage) => {
      if ('error' in message) options.onError(message.error)
      else resolve(message.end)
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the session's thread ended with code ${code}`)))
  })
}
