// What a program declares of itself: its command line as data, from which parsing, help and types
// derive, and what it does.

import type { InferredOptionTypes, Options } from 'yargs'
import type { ErrorKinds } from './exit-code.js'
import type { Log } from './log.js'

export type ProgramOptions = Readonly<Record<string, Options>>

export interface Program<O extends ProgramOptions = ProgramOptions> {
  readonly name: string
  /** What follows the name: `[OPTIONS] STORE MOUNTPOINT`. */
  readonly usage: string
  readonly summary: string
  /** How many arguments it takes that are not options. */
  readonly operands: { readonly min: number; readonly max: number }
  readonly options: O
  readonly examples: readonly (readonly [command: string, what: string])[]
  /** Paragraphs at the end of --help. */
  readonly notes?: string
  /** What errors of its libraries mean for the exit code. */
  readonly errors?: ErrorKinds
  run(operands: string[], options: InferredOptionTypes<O>, context: Context): Promise<End>
}

export interface Context {
  readonly log: Log
  readonly verbosity: number
  readonly quiet: boolean
}

/** The exit code; a program that a signal ended cleans up first and then names it. */
export type End =
  number | { readonly exitCode: number; readonly signal?: NodeJS.Signals | undefined }
