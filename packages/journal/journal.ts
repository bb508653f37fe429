// Mounts a store and journals it until the end: an unmount, a signal, or the end of a command.

import { randomInt } from 'node:crypto'
import { hostname } from 'node:os'
import { realpathSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { check, close, eventfd, eventfdSignal, getegid, geteuid, raiseFileLimit } from '#posix'
import {
  mount,
  mountServer,
  parseMountOptions,
  readMounts,
  replaceDeadMount,
  type Mounted,
} from '#fuse'
import type { PathRule } from '#wire'
import { runCaptive } from './captive.js'
import { Hold } from './hold.js'
import { JournalError } from './journal-error.js'
import { openRoot, refuseLoops } from './open-root.js'
import {
  stopRequest,
  type SessionThreadData,
  type SessionThreadMessage,
} from './session-thread-data.js'

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
  /** Captive mode: a shell command that runs on the mount, which ends with it. */
  readonly run: string | undefined
  /** The descriptor that takes the stream. */
  readonly outputFd: number
  readonly log: (what: string, why: string) => void
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
  refuseLiveMount(mountpoint)
  const storeFd = openRoot(store)
  refuseLoops(storeFd, store, realpathSync(mountpoint), options.outputFd)
  raiseFileLimit(1 << 20)
  const source = `${hostname()}:${realpathSync(store)}`
  // From here to the end no signal may end the process without unmounting.
  const later = () => {}
  for (const signal of signals) process.on(signal, later)
  try {
    const mounted = mount({ mountpoint, options: mountOptions, fsName: realpathSync(store) })
    try {
      return await new Run(options, mounted, storeFd, source).end()
    } finally {
      close(mounted.fd)
    }
  } finally {
    for (const signal of signals) process.off(signal, later)
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

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

class Run {
  readonly #options: JournalOptions
  readonly #mounted: Mounted
  readonly #control = new Int32Array(new SharedArrayBuffer(4))
  readonly #wakeFd = check(eventfd(), 'eventfd')
  readonly #worker: Worker
  readonly #hold: Hold
  #signal: NodeJS.Signals | undefined
  #onUncaught: ((error: Error) => void) | undefined

  constructor(options: JournalOptions, mounted: Mounted, storeFd: number, source: string) {
    this.#options = options
    this.#mounted = mounted
    this.#hold = new Hold(this.#control, this.#wakeFd, options.verbose)
    const workerData: SessionThreadData = {
      deviceFd: mounted.fd,
      storeFd,
      outputFd: options.outputFd,
      wakeFd: this.#wakeFd,
      control: this.#control.buffer as SharedArrayBuffer,
      epoch: randomInt(1, 2 ** 32),
      source,
      rules: options.exclude,
      onFull: options.onFull,
      fullTimeoutMs: options.fullTimeoutMs,
      uid: geteuid(),
      gid: getegid(),
    }
    this.#worker = new Worker(new URL('./session-thread.js', import.meta.url), { workerData })
  }

  async end(): Promise<JournalEnd> {
    const { run, log, verbose } = this.#options
    const session = this.#session()
    const onSignal = (signal: NodeJS.Signals) => this.#onSignal(signal)
    if (run === undefined) for (const signal of signals) process.on(signal, onSignal)
    try {
      verbose(this.#mounted.mountpoint, `shows '${this.#options.store}', journalled from now on`)
      const exitCode = run === undefined ? 0 : await this.#captive(run, session)
      const { ended, isDetached, seq } = await session
      verbose('the stream', `has ended with message ${seq}`)
      if (ended === 'aborted') log(this.#mounted.mountpoint, 'the connection was aborted')
      const own = ended === 'aborted' ? 111 : isDetached ? 1 : 0
      return { signal: this.#signal, exitCode: exitCode || own }
    } finally {
      for (const signal of signals) process.off(signal, onSignal)
      if (this.#onUncaught) process.off('uncaughtException', this.#onUncaught)
      this.#hold.close()
      // Gone already, unless the thread failed or the connection was aborted.
      this.#unmount(true)
      await this.#worker.terminate()
      close(this.#wakeFd)
    }
  }

  #session(): Promise<Extract<SessionThreadMessage, { ended: unknown }>> {
    const { promise, resolve, reject } =
      withResolvers<Extract<SessionThreadMessage, { ended: unknown }>>()
    this.#worker.on('error', reject)
    // Whatever goes wrong in this thread, no dead mount is left behind.
    this.#onUncaught = (error) => {
      this.#stop()
      reject(error)
    }
    process.on('uncaughtException', this.#onUncaught)
    this.#worker.on('exit', () => reject(new Error("the session's thread ended early")))
    this.#worker.on('message', (message: SessionThreadMessage) => {
      if ('ended' in message) resolve(message)
      else this.#said(message)
    })
    return promise
  }

  #said(message: Exclude<SessionThreadMessage, { ended: unknown }>): void {
    const { log } = this.#options
    if ('held' in message) this.#hold.reached(message.seq)
    else if ('failed' in message) log(`a request failed in ${message.during}`, message.failed)
    else if ('detached' in message) {
      const lost = `changes after message ${message.seq} are no longer journalled`
      log('the output', `${message.detached}: ${lost}`)
    } else if (message.stalled === null)
      log('the output', 'its reader goes on, and so does the mount')
    else log('the output', 'its reader takes nothing: calls on the mount wait for it')
  }

  async #captive(command: string, session: Promise<unknown>): Promise<number> {
    const ended = await runCaptive(command, this.#mounted.mountpoint, session)
    this.#signal = ended.signal
    await this.#unmountSoon()
    return ended.exitCode
  }

  // What the command left running may still be on its way out.
  async #unmountSoon(): Promise<void> {
    const deadlineMs = performance.now() + 5000
    while (!this.#unmount(false, performance.now() >= deadlineMs)) {
      if (performance.now() >= deadlineMs) {
        this.#stop()
        return
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  // The first signal asks; the second does not wait for those who use the mount.
  #onSignal(signal: NodeJS.Signals): void {
    const isSecond = this.#signal !== undefined
    this.#signal = signal
    if (isSecond) this.#stop()
    else if (!this.#unmount(false))
      this.#options.log('still mounted', 'a second signal ends it anyway')
  }

  // Out of sight at once, so that no dead mount is left behind; then the session stops.
  #stop(): void {
    this.#unmount(true)
    Atomics.store(this.#control, 0, stopRequest.stop)
    eventfdSignal(this.#wakeFd)
  }

  #unmount(lazy: boolean, isLoud = true): boolean {
    // Nobody unmounts what does not answer.
    this.#hold.release()
    try {
      this.#mounted.unmount({ lazy })
      return true
    } catch (error) {
      if (isLoud) this.#options.log('unmount', (error as Error).message)
      return false
    }
  }
}

function withResolvers<T>() {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
