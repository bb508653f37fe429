// What a replay would do, without doing anything, not even to .tfs.

import type { Writable } from 'node:stream'
import { close, escapeName, O_RDONLY } from '#posix'
import { toText } from '#wire'
import { Forward } from './forward.js'
import { isIncomplete } from './incomplete-mark.js'
import { MirrorError } from './mirror-error.js'
import type { Operation } from './message-kind.js'
import type { MirrorOptions, MirrorResult } from './mirror.js'
import { openRoot } from './open-root.js'
import { PastEpochs } from './past-epochs.js'
import { initialRecord, PositionFile, type Stored } from './position-file.js'
import { checkOnly } from './only-mark.js'
import { openPrivateDirectory, openPrivateFileIfThere } from './private-file.js'
import { Replay } from './replay.js'
import { Resume } from './resume.js'
import { run } from './run.js'
import { Selection } from './selection.js'
import { refuseOthers, stateName } from './state-directory.js'
import { UntilGate } from './until.js'

export interface DryRunOptions extends Pick<
  MirrorOptions,
  'directory' | 'source' | 'upstream' | 'force' | 'only' | 'rules' | 'until' | 'say' | 'signal'
> {
  /** Gets a line for each operation, no faster than it takes them. */
  readonly output: Writable
}

/**
 * Writes what `mirror` would apply, a line each. Throws what `mirror` throws before it applies
 * anything, and the output's errors.
 */
export async function dryRun(options: DryRunOptions): Promise<MirrorResult> {
  const { stored, isLeft } = readState(options)
  const { force, say, source, upstream, signal } = options
  const selection = new Selection(options.rules, options.only)
  const { suspects } = stored.record
  const resume = new Resume(stored, undefined, {
    force: () => force,
    suspects: () => suspects,
    onJoin: (note) => note(),
    say,
  })
  const until = new UntilGate(options.until)
  const lines = new Forward(options.output, signal)
  const replay = new Replay({
    resume,
    until,
    operate: (operation, bytes) => {
      if (isKept(selection, operation)) lines.add(Buffer.from(`${toText(bytes)}\n`))
    },
  })
  const nothing = () => undefined
  try {
    if (upstream && resume.epoch !== 0) {
      const { epoch, seq, isEnded } = resume
      upstream.subscribe({ epoch, seq }, isEnded)
      replay.subscribed()
    }
    const isReached = until.isReached(resume, upstream !== undefined)
    const isWhole =
      isReached ||
      (await run({
        source,
        replay,
        forward: { add: nothing, hand: nothing, flush: () => lines.flush() },
        signal,
        afterTurn: nothing,
        everySecond: nothing,
      }))
    await lines.end()
    const nothingLeft = { leftOut: new Map(), differing: 0, isIncomplete: isLeft }
    return { counts: replay.counts, ...nothingLeft, suspects, isAborted: !isWhole }
  } catch (error) {
    // What was to be seen of it goes out, and who reads no further has ended it himself.
    if (error instanceof MirrorError && error.code === 'EMIRROR_OUTPUT') throw error.cause
    await lines.end()
    throw error
  } finally {
    source.destroy()
  }
}

interface State {
  readonly stored: Stored
  /** An earlier run was to make it whole, and has not come to the end. */
  readonly isLeft: boolean
}

function readState({ directory, force, only }: DryRunOptions): State {
  const shown = escapeName(directory)
  const root = openRootIfThere(directory)
  // It would be made.
  if (root === undefined) return initial()
  try {
    const statePath = `${shown}/${stateName}`
    const state = openPrivateDirectory(root, stateName, false, statePath)
    if (state === undefined) {
      if (!force) refuseOthers(root, shown)
      return initial()
    }
    try {
      const path = `${statePath}/position`
      const file = openPrivateFileIfThere(state, 'position', path, O_RDONLY)
      if (file === undefined) {
        if (!force) refuseOthers(root, shown)
        return initial()
      }
      const stored = PositionFile.read(file, path)
      close(file)
      if (!force) checkOnly({ fd: state, shown: statePath }, stored.record.epoch, only)
      return { stored, isLeft: isIncomplete({ fd: state, shown: statePath }) }
    } finally {
      close(state)
    }
  } finally {
    close(root)
  }
}

const initial = (): State => {
  const stored = { record: initialRecord(), past: new PastEpochs() }
  return { stored, isLeft: false }
}

function openRootIfThere(directory: string): number | undefined {
  try {
    return openRoot(directory, false)
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whether an operation has a part in what is selected; a rename has one at either end. */
function isKept(selection: Selection, { name, body }: Operation): boolean {
  const isLet = (path: Buffer, isDirectory: boolean) => !selection.excludes(path, isDirectory)
  switch (name) {
    case 'rename':
      return isLet(body.path, true) || isLet(body.newPath, true)
    case 'link':
      return isLet(body.newPath, false)
    case 'mkdir':
    case 'rmdir':
    // What these are about nobody knows here: it may be a directory.
    case 'setattr':
    case 'setxattr':
    case 'removexattr':
    case 'fsync':
      return isLet(body.path, true)
    default:
      return isLet(body.path, false)
  }
}
