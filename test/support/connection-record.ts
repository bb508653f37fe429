// What went through connections, as `tee` has kept it: a file for each, in order of their names.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { flag, flagsOf, Framer } from '#wire'

export interface Connection {
  /** Whole messages of the stream; those between neighbours alone are left out. */
  readonly messages: readonly Buffer[]
  /** All that came through. */
  readonly bytes: number
  /** Of a message that was not whole. */
  readonly torn: number
}

/** Reads the files of `dir` whose names are like that. */
export function connections(dir: string, wanted: RegExp): Connection[] {
  const names = readdirSync(dir).filter((name) => wanted.test(name))
  return names.sort().map((name) => connection(readFileSync(join(dir, name))))
}

function connection(bytes: Buffer): Connection {
  const framer = new Framer()
  framer.push(bytes)
  const messages: Buffer[] = []
  for (let message = framer.next(); message; message = framer.next())
    if (!(flagsOf(message) & flag.HOP)) messages.push(message)
  return { messages, bytes: bytes.length, torn: framer.pending }
}

/** A shell script that runs the rest of `words` and keeps what it prints in `dir`/`prefix`... */
export const keeping = (dir: string, prefix: string, words: readonly string[]): string =>
  `#!/bin/bash
exec ${words.map((word) => `'${word}'`).join(' ')} "$@" \\
  > >(exec tee '${dir}/${prefix}'-$EPOCHREALTIME)
`
