// What the main thread and the session's thread tell each other.

import type { MessagePort } from 'node:worker_threads'
import type { SessionEnd } from '#fuse'
import type { SpoolWriterOptions } from '#spool'
import type { PathRule } from '#wire'
import type { HeadState } from './heads.js'
import type { ReplicasOptions } from './replicas.js'
import type { AssertRequest } from './walker.js'
import type { Ack } from './request-reader.js'

/** The spool beside or instead of the output. */
export type JournalSpoolData = SpoolWriterOptions

/** What the thread is started with. Descriptors belong to it from then on, but for the device. */
export interface SessionThreadData {
  readonly deviceFd: number
  readonly storeFd: number
  readonly outputFd: number
  /** An eventfd: something is to be looked at, a request of ours or a finished sync. */
  readonly wakeFd: number
  /** One Int32, of `stopRequest`. */
  readonly control: SharedArrayBuffer
  readonly epoch: number
  readonly source: string
  readonly rules: readonly PathRule[]
  readonly onFull: 'block' | 'detach'
  readonly fullTimeoutMs: number
  readonly uid: number
  readonly gid: number
  /** Bytes of content that assertions may state in a second; 0: no limit. */
  readonly assertRate: number
  readonly spool: JournalSpoolData | undefined
  readonly replicas: ReplicasOptions
  /** The stream goes to heads, that come as SessionThreadRequests, and not to `outputFd`. */
  readonly hasHeads: boolean
  /** For MarkMessage. */
  readonly markPort: MessagePort
  /** For SessionThreadRequest. */
  readonly requestPort: MessagePort
}

/** What the session's thread is asked for, with a signal of `wakeFd` after each. */
export type SessionThreadRequest =
  | { readonly acks: readonly Ack[] }
  | { readonly wantMark: Uint8Array }
  /** Paths arrive as plain arrays of bytes. */
  | { readonly wantAsserts: readonly AssertRequest[] }
  /** The pipe `attach` is what the head with this number reads; null: the head is gone. */
  | { readonly attach: number | null; readonly ordinal: number }
  /** The head has asked for what cannot be sent again. */
  | { readonly refuse: true }
  /** How the head is, for who asks. */
  | { readonly head: HeadState }
  | { readonly describe: true }

export const stopRequest = { none: 0, stop: 1, hold: 2 } as const

export type SessionThreadMessage =
  /** The spool, where there is one, is locked. */
  | { readonly opened: true }
  | { readonly ready: true }
  | { readonly detached: string; readonly seq: number }
  | { readonly stalled: number | null }
  | { readonly spoolStalled: string | null }
  | { readonly spoolDetached: string; readonly seq: number }
  | { readonly unsynced: string }
  | { readonly stated: Uint8Array }
  | { readonly unconnected: string }
  | { readonly failed: string; readonly during: string }
  | { readonly lost: Uint8Array; readonly errno: number; readonly seq: number }
  /** An assertion could not say what is there. */
  | { readonly unstated: Uint8Array; readonly errno: number; readonly isTriedAgain: boolean }
  /** Acks were taken; a mark that a reader wanted was set: 0, or -errno. */
  | { readonly acksTaken: true }
  | { readonly assertsTaken: true }
  | { readonly marked: Uint8Array; readonly result: number }
  /** The head with this number is gone, or takes nothing. */
  | { readonly headGone: number }
  | { readonly missed: { readonly from: number; readonly to: number } }
  /** Too few copies have made message `seq` durable in time. */
  | { readonly unreplicated: number; readonly have: number }
  | { readonly described: string }
  | { readonly held: true; readonly seq: number }
  | { readonly ended: SessionEnd; readonly seq: number; readonly isDetached: boolean }
