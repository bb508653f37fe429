#!/usr/bin/env node
// tfs-broadcast SOCKET: one stream to every client of a Unix socket.

import { parseArgs } from 'node:util'
import { serve, SocketRefused, UpstreamWriter, discard, type SlowPolicy } from '#relay'
import { WireError } from '#wire'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { slow: { type: 'string', default: 'block' }, backlog: { type: 'string' } },
})
const say = (line: string) => void process.stderr.write(`tfs-broadcast: ${line}\n`)
const stop = new AbortController()

try {
  await serve({
    slow: values.slow as SlowPolicy,
    backlogBytes: Number(values.backlog ?? 16 << 20),
    clientsMax: 64,
    upstream: process.stdout.isTTY
      ? discard
      : new UpstreamWriter(process.stdout, (e) => say(e.message)),
    log: { warn: say, info: () => undefined },
    socket: { path: positionals[0] as string, mode: 0o600 },
    open: () => process.stdin,
    drainMs: 10_000,
    stop: stop.signal,
  })
} catch (error) {
  say((error as Error).message)
  process.exitCode = error instanceof WireError ? 2 : error instanceof SocketRefused ? 1 : 111
}
