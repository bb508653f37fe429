// What the main thread and the session's thread tell each other.

import type { MessagePort } from 'node:worker_threads'
import type { SessionEnd } from '#fuse'
import type { SpoolWriterOptions } from '#spool'
import type { PathRule } from '#wire'

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
  readonly spool: JournalSpoolData | undefined
  /** For MarkMessage. */
  readonly markPort: MessagePort
}

export const stopRequest = { none: 0, stop: 1, hold: 2 } as const

export type SessionThreadMessage =
  | { readonly ready: true }
  | { readonly detached: string; readonly seq: number }
  | { readonly stalled: number | null }
  | { readonly spoolStalled: string | null }
  | { readonly spoolDetached: string; readonly seq: number }
  | { readonly doubted: Uint8Array }
  | { readonly unconnected: string }
  | { readonly failed: string; readonly during: string }
  | { readonly lost: Uint8Array; readonly errno: number; readonly seq: number }
  | { readonly held: true; readonly seq: number }
  | { readonly ended: SessionEnd; readonly seq: number; readonly isDetached: boolean }
