// The directory of a mirror, locked, with its state; from before anything is done to it.

import { close, escapeName } from '#posix'
import { markIds } from './ids-mark.js'
import { isIncomplete } from './incomplete-mark.js'
import { MirrorError } from './mirror-error.js'
import { openRoot } from './open-root.js'
import type { Ids } from './owners.js'
import { openPrivateDirectory } from './private-file.js'
import { openState, stateName, type StateDirectory } from './state-directory.js'

export interface OpenMirrorOptions {
  readonly directory: string
  readonly ids: Ids
  /** Adopt a directory that is not empty. */
  readonly force: boolean
  /** It is to be compared: it must be a mirror, and a whole one where nothing is repaired. */
  readonly verify?: { readonly repair: boolean } | undefined
}

export interface OpenMirror {
  readonly root: number
  /** Its path for people. */
  readonly shown: string
  readonly state: StateDirectory
  /** Lets go of all; the lock with it. */
  close(): void
}

/** Throws MirrorError, and errno errors. */
export function openMirror({ directory, ids, force, verify }: OpenMirrorOptions): OpenMirror {
  const shown = escapeName(directory)
  const root = verify ? openExisting(directory, shown) : openRoot(directory, true)
  let state: StateDirectory | undefined
  const closeAll = () => {
    state?.close()
    close(root)
  }
  try {
    if (verify) checkIsMirror(root, shown)
    state = openState(root, shown, force)
    if (verify?.repair === false && isIncomplete(state))
      throw incomparable(shown, 'is incomplete: finish it with --bootstrap, or give --repair')
    markIds(state, ids, force)
    return { root, shown, state, close: closeAll }
  } catch (error) {
    closeAll()
    throw error
  }
}

function openExisting(directory: string, shown: string): number {
  try {
    return openRoot(directory, false)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
    throw incomparable(shown, 'is not there: what is compared is a mirror that there is')
  }
}

function checkIsMirror(root: number, shown: string): void {
  const found = openPrivateDirectory(root, stateName, false, `${shown}/${stateName}`)
  if (found === undefined)
    throw incomparable(shown, 'is no mirror (it has no .tfs): make it one with --bootstrap first')
  close(found)
}

const incomparable = (shown: string, why: string) =>
  new MirrorError('EMIRROR_COMPARE', `${shown}: ${why}`)
