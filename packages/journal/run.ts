// One run of a journal, from the mount to its end: signals, the session's thread, the command.

import { randomInt } from 'node:crypto'
import { MessageChannel, Worker } from 'node:worker_threads'
import { check, close, eventfd, eventfdSignal, getegid, geteuid } from '#posix'
import type { Mounted } from '#fuse'
import { Captive } from './captive.js'
import { HeadLine } from './head-line.js'
import { Hold } from './hold.js'
import type { JournalEnd, JournalOptions } from './journal.js'
import { syncForMarks } from './mount-sync.js'
import { SessionLog } from './session-log.js'
import { stopRequest } from './session-thread-data.js'
import type {
  SessionThreadData,
  SessionThreadMessage,
  SessionThreadRequest,
} from './session-thread-data.js'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const
/** How long the session's thread may take to tell its status. */
const answerMs = 2000
type Ended = Extract<SessionThreadMessage, { ended: unknown }>

/** Takes signals from when it is made until `close`. */
export class Run {
  readonly #options: JournalOptions
  readonly #control = new Int32Array(new SharedArrayBuffer(4))
  readonly #wakeFd = check(eventfd(), 'eventfd')
  readonly #hold: Hold
  readonly #session = withResolvers<Ended>()
  readonly #ready = withResolvers<void>()
  readonly #requests = new MessageChannel()
  readonly #heads: HeadLine
  readonly #log: SessionLog
  #mounted: Mounted | undefined
  #worker: Worker | undefined
  #captive: Captive | undefined
  #signal: NodeJS.Signals | undefined
  #unanswered: NodeJS.Timeout | undefined
  #isIncomplete = false
  #isClosed = false

  constructor(options: JournalOptions) {
    this.#options = options
    this.#hold = new Hold(this.#control, this.#wakeFd, options.verbose)
    this.#log = new SessionLog(options)
    this.#heads = new HeadLine(options, (request) => this.#ask(request))
    for (const signal of signals) process.on(signal, this.#onSignal)
    process.on('uncaughtException', this.#onUncaught)
    // Whoever waits for the one is told by the other.
    this.#session.promise.then(() => this.#ready.resolve(), this.#ready.reject)
    this.#ready.promise.catch(() => {})
  }

  async serve(mounted: Mounted, storeFd: number, source: string): Promise<JournalEnd> {
    const { run, store, log, verbose } = this.#options
    this.#mounted = mounted
    // So that the first head misses nothing.
    this.#heads.start()
    this.#worker = this.#start(mounted, storeFd, source)
    await this.#ready.promise
    verbose(mounted.mountpoint, `shows '${store}', journalled from now on`)
    const exitCode =
      run === undefined || this.#signal ? 0 : await this.#runCaptive(run, mounted.mountpoint)
    const { ended, isDetached, seq } = await this.#session.promise
    verbose('the stream', `has ended with message ${seq}`)
    if (ended === 'aborted') log(mounted.mountpoint, 'the connection was aborted')
    if (!(await this.#heads.end())) this.#isIncomplete = true
    const own = ended === 'aborted' ? 111 : isDetached || this.#isIncomplete ? 1 : 0
    return { signal: this.#signal, exitCode: exitCode || own }
  }

  /** Leaves nothing behind, whatever went before. */
  async close(): Promise<void> {
    this.#hold.close()
    clearTimeout(this.#unanswered)
    // Gone already, unless the thread failed or the connection was aborted.
    this.#stop()
    await this.#worker?.terminate()
    this.#heads.close()
    this.#log.close()
    this.#requests.port1.close()
    for (const signal of signals) process.off(signal, this.#onSignal)
    process.off('uncaughtException', this.#onUncaught)
    if (this.#mounted) close(this.#mounted.fd)
    // Of a head that was killed is heard later.
    this.#isClosed = true
    close(this.#wakeFd)
  }

  #start(mounted: Mounted, storeFd: number, source: string): Worker {
    const { outputFd, exclude, onFull, fullTimeoutMs, assertRate, log } = this.#options
    const { port1: port, port2: markPort } = new MessageChannel()
    const { port2: requestPort } = this.#requests
    syncForMarks(
      port,
      mounted.mountpoint,
      () => eventfdSignal(this.#wakeFd),
      (why) => log('a mark', `the mount cannot be synced: ${why}`),
    )
    const workerData: SessionThreadData = {
      deviceFd: mounted.fd,
      storeFd,
      outputFd,
      wakeFd: this.#wakeFd,
      control: this.#control.buffer as SharedArrayBuffer,
      epoch: randomInt(1, 2 ** 32),
      source,
      rules: exclude,
      onFull,
      fullTimeoutMs,
      assertRate,
      spool: this.#options.spool,
      uid: geteuid(),
      gid: getegid(),
      replicas: this.#options.replicas,
      hasHeads: this.#options.exec !== undefined && this.#options.spool === undefined,
      markPort,
      requestPort,
    }
    const worker = new Worker(new URL('./session-thread.js', import.meta.url), {
      workerData,
      transferList: [markPort, requestPort],
    })
    const { resolve, reject } = this.#session
    worker.on('error', reject)
    worker.on('exit', () => reject(new Error("the session's thread ended early")))
    worker.on('message', (message: SessionThreadMessage) => {
      if ('ended' in message) resolve(message)
      else this.#said(message)
    })
    return worker
  }

  #said(message: Exclude<SessionThreadMessage, Ended>): void {
    if ('lost' in message || 'missed' in message) this.#isIncomplete = true
    if ('described' in message) clearTimeout(this.#unanswered)
    if ('ready' in message) this.#ready.resolve()
    else if ('held' in message) this.#hold.reached(message.seq)
    else if (!this.#heads.heard(message)) this.#log.tell(message)
  }

  #describe(): void {
    const { log } = this.#options
    clearTimeout(this.#unanswered)
    const why = 'cannot be told now: the mount waits for a reader, for the spool or for SIGCONT'
    this.#unanswered = setTimeout(() => log('the status', why), answerMs)
    this.#ask({ describe: true })
  }

  #ask(request: SessionThreadRequest): void {
    if (this.#isClosed) return
    this.#requests.port1.postMessage(request)
    eventfdSignal(this.#wakeFd)
  }

  async #runCaptive(command: string, mountpoint: string): Promise<number> {
    const captive = new Captive(command, mountpoint)
    this.#captive = captive
    const kill = () => captive.kill()
    this.#session.promise.then(kill, kill)
    const exitCode = await captive.ended
    this.#captive = undefined
    await this.#unmountSoon()
    return exitCode
  }

  // What the command left running may still be on its way out.
  async #unmountSoon(): Promise<void> {
    const deadlineMs = performance.now() + 5000
    const isSignalled = this.#signal !== undefined
    while (!this.#unmount(false, performance.now() >= deadlineMs)) {
      const isImpatient = !isSignalled && this.#signal !== undefined
      if (isImpatient || performance.now() >= deadlineMs) return this.#stop()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  // The first signal asks; the second does not wait for those who use the mount. A command is asked
  // and killed in place of the mount, which then ends with it.
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGUSR1') return this.#describe()
    if (signal === 'SIGHUP' && this.#heads.restart()) return
    const isSecond = this.#signal !== undefined
    this.#signal = signal
    if (this.#captive) this.#captive.pass(signal, isSecond)
    else if (isSecond) {
      this.#stop()
      this.#heads.hurry()
    } else if (!this.#unmount(false))
      this.#options.log('still mounted', 'a second signal ends it anyway')
  }

  // Whatever goes wrong in this thread, no dead mount is left behind.
  readonly #onUncaught = (error: Error): void => {
    this.#stop()
    this.#session.reject(error)
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
      this.#mounted?.unmount({ lazy })
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
