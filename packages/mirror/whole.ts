// What begins and ends with a mirror's being made whole by what its source states.

import type { AssertionsOptions } from './assertions-options.js'
import { clearIncomplete, markIncomplete } from './incomplete-mark.js'
import { forgetDiffering } from './last-verification.js'
import { newLinks } from './link-doubt.js'

/** What differs is no surprise from now on. Before anything is changed, or forgotten. */
export function beginWhole({ state, suspects, displaced, absence }: AssertionsOptions): void {
  markIncomplete(state)
  // What comes next need not go on from here.
  absence.forget()
  suspects.isQuiet = true
  displaced.discard = (directory, name) => absence.trash.take(directory, name)
}

/** `isLinkLeft`: some names may belong to one file; `what` was stated. */
export function endWhole(options: AssertionsOptions, isLinkLeft: boolean, what: string): void {
  const { state, suspects, displaced, absence, resume, sync, say } = options
  // A power cut must not take back any of it once nothing says that it is incomplete.
  sync.now()
  resume.isForced = false
  suspects.isQuiet = false
  displaced.discard = undefined
  suspects.clear()
  // Still while it is incomplete, so that no run forgets it.
  if (isLinkLeft) suspects.lack(resume.seq, absence.selection.only ?? noPath, newLinks)
  forgetDiffering(state)
  clearIncomplete(state)
  say(`is exact from message ${resume.seq + 1} of epoch ${resume.epoch} on (${what})`)
}

/** What is at and below `path` is as the source states. */
export function endRepair({ suspects, sync }: AssertionsOptions, path: Buffer): void {
  // A power cut must not take back what nothing says is missing.
  if (suspects.isRepairing) sync.now()
  suspects.repaired(path.length === 0)
}

const noPath = Buffer.alloc(0)
