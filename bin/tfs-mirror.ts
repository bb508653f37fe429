#!/usr/bin/env node
// tfs-mirror [SOURCE] DIR: replays a stream into a directory.

import { createReadStream, statSync } from 'node:fs'
import { connect } from 'node:net'
import { parseArgs } from 'node:util'
import { mirror, MirrorError } from '#mirror'
import { WireError } from '#wire'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { force: { type: 'boolean', default: false } },
})
const directory = positionals.at(-1) as string
const name = positionals.length > 1 ? (positionals[0] as string) : '-'
const source =
  name === '-' ? process.stdin : statSync(name).isSocket() ? connect(name) : createReadStream(name)
const say = (line: string) => void process.stderr.write(`tfs-mirror: ${line}\n`)

try {
  const maxFileSize = Number.MAX_SAFE_INTEGER
  await mirror({
    directory,
    source,
    force: values.force,
    ids: { kind: 'numeric' },
    untrusted: false,
    maxFileSize,
    sync: 5,
    say,
  })
} catch (error) {
  say((error as Error).message)
  const isRefusal = error instanceof WireError || error instanceof MirrorError
  process.exitCode = isRefusal ? 2 : 111
}
