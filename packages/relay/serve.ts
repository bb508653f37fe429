// The life of a broadcast: the socket, the input, its end, the clients' last bytes.

import assert from 'node:assert'
import { readdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { check, raiseFileLimit } from '#posix'
import type { Position } from '#wire'
import { Broadcast, type BroadcastOptions } from './broadcast.js'
import { privateDirectory, startCaptive, type Captive } from './captive.js'
import type { Input } from './input.js'
import { listen, listenOn, type Listener } from './listen.js'
import type { ListenOptions, PassedSocket } from './listen.js'
import { SpoolFeed, type SpoolFeedOptions } from './spool-feed.js'
import type { OnStatus } from './status-report.js'

/** Descriptors that are opened later and are not of clients. */
const descriptorsSpare = 16
/** After a signal the input has this long to come to its end, and then clients to take the rest. */
const stopMs = 1000

export interface ServeOptions extends BroadcastOptions {
  readonly socket: ListenOptions | PassedSocket
  /** Told once clients can come. */
  readonly ready?: () => void
  /**
   * Opens the input, once clients can come, which goes on behind `position` if it can. Left out
   * where others write the spool.
   */
  readonly open: ((position?: Position) => Promise<Input> | Input) | undefined
  /** Keeps the stream on disk for clients that are slow or come back. */
  readonly spool?: SpoolFeedOptions | undefined
  /** How long clients may take what is left when the input has ended. */
  readonly drainMs: number
  /** Ends it all early. */
  readonly stop: AbortSignal
  readonly status?: OnStatus
}

export interface CaptiveOptions extends Omit<ServeOptions, 'socket' | 'ready'> {
  readonly command: string
  /** Whether the command may read our standard input, which is not the stream then. */
  readonly keepsStdin: boolean
  /** What the command gets when `stop` is aborted. */
  readonly stopSignal: () => NodeJS.Signals
}

/**
 * Serves the stream until it ends or `stop` is aborted. Throws WireError for a bad stream or one
 * without a clean end, SocketRefused, and Node's errors; clients get all that was read in any case.
 */
export async function serve(options: ServeOptions): Promise<void> {
  const broadcast = new Broadcast({ ...options, clientsMax: clientsAllowed(options) })
  const source = sourceOf(broadcast, options)
  let listener: Listener | undefined
  try {
    listener = await listenFor(broadcast, options, options.socket)
    options.ready?.()
    // A signal from the terminal has also gone to the source, whose last words are to be passed on.
    await pass(broadcast, source, options, listener, options.open ? stopMs : 0)
  } finally {
    listener?.close()
    broadcast.close()
    source.close()
  }
}

/**
 * Serves the stream to what `command` starts, from the moment its first client has come; ends with
 * it and gives its exit code. A stream's fault goes to `fault`, for the command has the last word.
 */
export async function serveCaptive(
  options: CaptiveOptions,
  fault: (error: Error) => void,
): Promise<number> {
  // Before the command starts: it has nothing to do where there is no stream.
  const broadcast = new Broadcast({ ...options, clientsMax: clientsAllowed(options) })
  const source = sourceOf(broadcast, options)
  await source.prepare()
  const directory = privateDirectory()
  let listener: Listener | undefined
  try {
    const path = join(directory.path, 'socket')
    const joined = new AbortController()
    listener = await listenFor(broadcast, options, { path, mode: 0o600 }, () => joined.abort())
    const captive = startCaptive(options.command, path, options.keepsStdin)
    const stop = over(captive)
    void aborted(options.stop).then(() => captive.kill(options.stopSignal()))
    await Promise.race([aborted(joined.signal), aborted(stop)])
    if (!stop.aborted) await pass(broadcast, source, { ...options, stop }, listener, 0).catch(fault)
    return await captive.ended
  } finally {
    listener?.close()
    broadcast.close()
    source.stop()
    source.close()
    directory.remove()
  }
}

/**
 * All of the source to the clients, then its fault, if it had one. Once `stop` is aborted, the
 * source goes on for `graceMs` at most.
 */
async function pass(
  broadcast: Broadcast,
  source: Source,
  { stop, drainMs }: Pick<ServeOptions, 'stop' | 'drainMs'>,
  listener: Listener,
  graceMs: number,
): Promise<void> {
  let fault: unknown
  void after(stop, graceMs).then(() => source.stop())
  try {
    await source.run()
  } catch (error) {
    // Where it was to stop, that is why.
    if (!stop.aborted) fault = error
  }
  listener.close()
  await Promise.race([broadcast.drain(drainMs), after(stop, stopMs)])
  if (fault !== undefined) throw fault
}

/** What a broadcast passes on. */
interface Source {
  /** Opens it. */
  prepare(): Promise<void>
  run(): Promise<void>
  stop(): void
  close(): void
}

function sourceOf(broadcast: Broadcast, options: Omit<ServeOptions, 'socket'>): Source {
  const { spool } = options
  return spool ? spoolSource(broadcast, options, spool) : inputSource(broadcast, options)
}

function inputSource(broadcast: Broadcast, { open }: Pick<ServeOptions, 'open'>): Source {
  assert(open)
  let input: Input | undefined
  let isStopped = false
  const prepare = async () => void (input ??= await open())
  return {
    prepare,
    async run() {
      await prepare()
      if (isStopped) input?.destroy()
      await broadcast.read(input!)
    },
    stop() {
      isStopped = true
      input?.destroy()
    },
    close: () => undefined,
  }
}

function spoolSource(
  broadcast: Broadcast,
  { open, log }: Omit<ServeOptions, 'socket'>,
  spool: SpoolFeedOptions,
): Source {
  const feed = new SpoolFeed(spool, log)
  broadcast.use(feed)
  return {
    prepare: () => Promise.resolve(),
    run: () => feed.run((bytes) => broadcast.pass(bytes), open),
    stop: () => feed.stop(),
    close: () => feed.close(),
  }
}

async function listenFor(
  broadcast: Broadcast,
  options: Omit<ServeOptions, 'socket'>,
  socket: ListenOptions | PassedSocket,
  joined?: () => void,
): Promise<Listener> {
  const join = (client: Socket) => {
    broadcast.join(client)
    joined?.()
  }
  const failed = (error: Error) => broadcast.failed(error)
  const listener =
    'fd' in socket ? await listenOn(socket, join, failed) : await listen(socket, join, failed)
  options.status?.(() => broadcast.status())
  return listener
}

/** Room for the clients' descriptors, so that accepting one never finds that there is none. */
function clientsAllowed({ clientsMax, spool, log }: Omit<ServeOptions, 'socket'>): number {
  // Some may have come from who started this.
  const others = readdirSync('/proc/self/fd').length + descriptorsSpare
  const each = spool ? 2 : 1
  const limit = check(raiseFileLimit(each * clientsMax + others), 'prlimit')
  const allowed = Math.max(0, Math.min(clientsMax, Math.floor((limit - others) / each)))
  if (allowed < clientsMax)
    log('--max-clients', `only ${allowed}: the limit of open files (ulimit -n) is ${limit}`)
  return allowed
}

function over(captive: Captive): AbortSignal {
  const controller = new AbortController()
  const abort = () => controller.abort()
  captive.ended.then(abort, abort)
  return controller.signal
}

const after = (signal: AbortSignal, ms: number): Promise<void> =>
  aborted(signal).then(() => sleep(ms, undefined, { ref: false }))

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
