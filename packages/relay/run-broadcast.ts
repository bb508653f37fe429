// tfs-broadcast as a process: its signals, its standard streams, how it ends.

import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { SlowPolicy } from './pace.js'
import { pipeInput, type Input } from './input.js'
import type { RelayLog } from './limited-log.js'
import { serve, serveCaptive, type ServeOptions } from './serve.js'
import { stopSignals } from './stop-signals.js'
import { discard, UpstreamWriter } from './upstream-writer.js'

export interface RunOptions {
  /** The socket; undefined where `run` has one of its own. */
  readonly path: string | undefined
  readonly mode: number
  readonly gid: number | undefined
  /** A shell command for captive mode. */
  readonly run: string | undefined
  readonly slow: SlowPolicy
  readonly backlogBytes: number
  readonly clientsMax: number
  readonly drainMs: number
  /** Opens the stream, which is not on standard input where `stdinIsFree`. */
  readonly open: () => Promise<Input>
  readonly stdinIsFree: boolean
  readonly log: RelayLog & { readonly error: (what: string, why: string) => void }
}

/** Serves until the end, and says how the process is to end. Throws what `serve` throws. */
export async function runBroadcast(
  options: RunOptions,
): Promise<{ exitCode: number; signal?: NodeJS.Signals | undefined }> {
  const { path, mode, gid, run, log } = options
  const signals = stopSignals()
  let status: () => string[] = () => []
  const tell = () => {
    for (const line of status()) log.error('status', line)
  }
  process.on('SIGUSR1', tell)
  const common: Omit<ServeOptions, 'socket'> = {
    ...options,
    // A captive command has standard output for itself.
    upstream: isatty(1) || run !== undefined ? discard : upstreamTo(process.stdout, log),
    stop: signals.stop,
    status: (lines) => (status = lines),
  }
  try {
    let exitCode = 0
    if (run !== undefined) {
      const captive = { ...common, command: run, keepsStdin: options.stdinIsFree }
      exitCode = await serveCaptive(captive, (error) => log.error('stream', error.message))
    } else if (path !== undefined) await serve({ ...common, socket: { path, mode, gid } })
    return { exitCode, signal: signals.received() }
  } finally {
    process.off('SIGUSR1', tell)
    signals.remove()
  }
}

function upstreamTo(out: NodeJS.WriteStream, log: RelayLog): UpstreamWriter {
  return new UpstreamWriter(out, (error) =>
    log('standard output', `what clients send is discarded from now on: ${error.message}`),
  )
}

/** Standard input where it can be read as a pipe, else undefined. */
export function standardPipe(): Input | undefined {
  const stat = fstatSync(0)
  return stat.isFIFO() || stat.isSocket() ? pipeInput(0) : undefined
}
