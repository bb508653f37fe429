// What a mirror is to do with what its source states, and with which of its parts.

import type { Message } from '#wire'
import type { Absence } from './absence.js'
import type { OnDifference } from './differences.js'
import type { Displaced } from './displaced.js'
import type { Resume } from './resume.js'
import type { StateDirectory } from './state-directory.js'
import type { Suspects } from './suspects.js'
import type { Sync } from './sync.js'
import type { Tree } from './tree.js'
import type { Upstream } from './upstream.js'

export type Assertion = Extract<Message, { name: `assert-${string}` }>

export type Statement = Exclude<Assertion, { name: 'assert-begin' | 'assert-end' }>

/** What is asked for, and why. */
export interface Asked {
  readonly why: 'whole' | 'verify' | 'links'
  readonly path: Buffer
}

export interface Verification {
  /** What is compared, with all below it; empty for the root. */
  readonly path: Buffer
  /** What differs is made so. */
  readonly repair: boolean
}

export interface AssertionsOptions {
  readonly tree: Tree
  readonly absence: Absence
  readonly state: StateDirectory
  readonly resume: Resume
  readonly suspects: Suspects
  readonly displaced: Displaced
  readonly sync: Sync
  readonly upstream: Upstream | undefined
  /** Where messages are missing it may be made whole by what the source states. */
  readonly mayRecover: boolean
  /** Where a path may be wrong it is to be stated. */
  readonly mayHeal: boolean
  /** To be asked for and compared once; then it is `isVerified`. */
  readonly verify: Verification | undefined
  /** Whatever is stated as hashes, for others, is compared. */
  readonly checks: boolean
  readonly onDifference: OnDifference
  readonly say: (line: string) => void
}
