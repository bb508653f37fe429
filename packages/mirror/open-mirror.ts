// The directory of a mirror, locked, with its state; from before anything is done to it.

import { close, escapeName } from '#posix'
import { markIds } from './ids-mark.js'
import { openRoot } from './open-root.js'
import type { Ids } from './owners.js'
import { openState, type StateDirectory } from './state-directory.js'

export interface OpenMirrorOptions {
  readonly directory: string
  readonly ids: Ids
  /** Adopt a directory that is not empty. */
  readonly force: boolean
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
export function openMirror({ directory, ids, force }: OpenMirrorOptions): OpenMirror {
  const shown = escapeName(directory)
  const root = openRoot(directory, true)
  let state: StateDirectory | undefined
  const closeAll = () => {
    state?.close()
    close(root)
  }
  try {
    state = openState(root, shown, force)
    markIds(state, ids, force)
    return { root, shown, state, close: closeAll }
  } catch (error) {
    closeAll()
    throw error
  }
}
