// A stream replayed into a directory, from opening it to the last message.

import type { Readable, Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { noName, setTimeSlice, Stat, umask } from '#posix'
import type { PathRule, Position } from '#wire'
import type { AssertionsOptions, Verification } from './assertions-options.js'
import { Assertions } from './assertions.js'
import { Acks, whoOf } from './acks.js'
import { Displaced } from './displaced.js'
import { FakeSuper } from './fake-super.js'
import { Forward } from './forward.js'
import { HelloFile } from './hello-file.js'
import { isIncomplete } from './incomplete-mark.js'
import { LeftOut, type LeftOutKind } from './left-out.js'
import { MirrorError } from './mirror-error.js'
import { foldsCase } from './name-clash.js'
import { openAbsence } from './open-absence.js'
import { markOnly } from './only-mark.js'
import { nothingOf } from './only-there.js'
import { openMirror, type OpenMirror } from './open-mirror.js'
import { checkRoot } from './open-root.js'
import { Operate } from './operate.js'
import { Owners, type Ids } from './owners.js'
import { Replay, type ReplayCounts } from './replay.js'
import { Resume } from './resume.js'
import { run } from './run.js'
import type { StateDirectory } from './state-directory.js'
import { statusOf, type MirrorStatus } from './status.js'
import { Suspects } from './suspects.js'
import { Sync, type SyncPolicy } from './sync.js'
import type { AssertionCounts, Underway } from './tally.js'
import { Tree } from './tree.js'
import { Unlock } from './unlock.js'
import type { Upstream } from './upstream.js'
import { UntilGate, type Until } from './until.js'

export interface MirrorOptions {
  readonly directory: string
  /** The directory, where the caller has it open, and closes it. */
  readonly opened?: OpenMirror | undefined
  readonly source: Readable
  /** Where the source takes requests. */
  readonly upstream?: Upstream | undefined
  /** Make it whole by what the source states, whatever it is now. */
  readonly bootstrap?: boolean | undefined
  /** The source does not have what follows the mirror's position: it is not asked for that. */
  readonly isLost?: boolean | undefined
  /** Compare with what the source states, once, and end then. */
  readonly verify?: Verification | undefined
  /** Compare whatever the source states as hashes. */
  readonly checks?: boolean | undefined
  /** Is told of each difference, behind the message that the position names. */
  readonly onDifference?:
    ((path: Buffer, what: string, how: string, position: Position) => void) | undefined
  /** Adopt a directory that is not empty, or a stream that is not the mirror's. */
  readonly force: boolean
  readonly ids: Ids
  /** The stream comes from somebody else: no devices, no set-id bits, only user.* attributes. */
  readonly untrusted: boolean
  /** Bytes that no file may pass. */
  readonly maxFileSize: number
  readonly sync: SyncPolicy
  readonly onDivergence: 'repair' | 'stop'
  /** Nothing is kept but what is there, with all below it and the directories above it. */
  readonly only?: Buffer | undefined
  /** What of that is kept, as rsync's filters; all of it where there is none. */
  readonly rules: readonly PathRule[]
  readonly until?: Until | undefined
  /** The applied messages go on to it. */
  readonly output?: Writable | undefined
  /** Lines for people. */
  readonly say: (line: string) => void
  /**
   * The stream, by the name that its source has, has begun: nothing that comes after it will be
   * missed. What it throws ends the replay.
   */
  readonly onBegin?: ((source: string, epoch: number) => void) | undefined
  /** Each second. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Gets a function that tells how things are, while the replay runs. */
  readonly onStatus?: ((status: () => MirrorStatus) => void) | undefined
  /** Ends the replay after the message at hand. */
  readonly signal?: AbortSignal | undefined
}

export interface Progress {
  readonly counts: ReplayCounts
  /** Time of the last message on the source's clock, in milliseconds since 1970. */
  readonly timeMs: number
  /** What is being stated for the mirror. */
  readonly underway: Underway | undefined
}

export interface MirrorResult {
  readonly counts: ReplayCounts
  readonly leftOut: ReadonlyMap<LeftOutKind, number>
  /** Paths noted as suspect, by this run and those before. */
  readonly suspects: number
  /** Places where the mirror was not as the source states. */
  readonly differing: number
  /** What was stated for it, or compared. */
  readonly stated?: AssertionCounts | undefined
  /** It is not whole yet: what the source states is to be gone on with. */
  readonly isIncomplete: boolean
  /** `signal` ended it. */
  readonly isAborted: boolean
}

// Nobody knows which paths: what came later may be there, and be done over again.
const rewound = 'what came after that message may not have reached the disk'

const incomplete =
  'it is to be made whole by what the source states: SOURCE must be a socket or HOST:PATH of a ' +
  'tfs-broadcast that tfs-journal runs (--exec)'

// Things of a discarded tree that are deleted after each turn.
const trashStep = 200
/** How long it keeps a processor that others want, while much is stated for it. */
const bulkSliceNs = 100_000_000

/** Replays until the stream ends. Throws WireError, MirrorError, and errno errors of the target. */
export async function mirror(options: MirrorOptions): Promise<MirrorResult> {
  let own: OpenMirror | undefined
  try {
    own = options.opened ? undefined : openMirror(options)
    const { root, shown, state } = options.opened ?? (own as OpenMirror)
    if (options.bootstrap !== true) markOnly(state, options.only, options.force)
    return await replayInto(root, shown, state, options)
  } finally {
    options.source.destroy()
    own?.close()
  }
}

async function replayInto(
  root: number,
  shown: string,
  state: StateDirectory,
  options: MirrorOptions,
): Promise<MirrorResult> {
  // Modes are the stream's.
  const oldMask = umask(0)
  const parts = assemble(root, shown, state, options)
  const { tree, absence, suspects, resume, sync, replay, unlock, leftOut, assertions } = parts
  const forward = options.output && new Forward(options.output, options.signal)
  let failure: unknown
  try {
    unlock.recover(tree)
    if (resume.isRewound) suspects.note(resume.seq, noName, rewound)
    if (resume.isRewound) absence.kin?.forget()
    sync.begin()
    begin(options, parts, forward)
    const watched = watch(options, state, parts)
    const isWhole = replay.isDone || (await run({ ...options, replay, forward, ...watched }))
    assertions.checkEnd()
    while (absence.trash.step(trashStep) && !options.signal?.aborted) await setImmediate()
    await forward?.end()
    return {
      counts: replay.counts,
      leftOut: leftOut.counts,
      suspects: suspects.count,
      differing: assertions.differing,
      stated: assertions.tally,
      isIncomplete: assertions.isActive,
      isAborted: !isWhole,
    }
  } catch (error) {
    failure = error
    throw error
  } finally {
    tree.forgetAll()
    umask(oldMask)
    suspects.close()
    tree.options.displaced.close()
    absence.close()
    await sync.close()
    settle(failure, () => {
      sync.now()
      if (!tree.began) resume.settle()
      if (options.sync !== 'none') state.position.sync()
    })
    parts.acks?.close()
  }
}

// Where it can be asked to, the stream goes on behind the mirror's position.
function begin(options: MirrorOptions, parts: Parts, forward: Forward | undefined): void {
  const { upstream } = options
  const { replay, resume, until, assertions } = parts
  if (options.bootstrap || isIncomplete(parts.state)) {
    if (!upstream?.send) throw new MirrorError('EMIRROR_INCOMPLETE', incomplete)
    // It need not know what came before.
    assertions.begin()
    return
  }
  const isResumed = upstream !== undefined && resume.epoch !== 0 && !options.isLost
  replay.isDone = until.isReached(resume, isResumed)
  if (!isResumed || replay.isDone) return
  const { epoch, seq, isEnded } = resume
  upstream.subscribe({ epoch, seq }, isEnded)
  replay.subscribed()
  resume.subscribed()
  // Whoever reads on begins with a hello, which comes next where the mirror's epoch has ended.
  const hello = forward && !isEnded ? parts.hello.read(epoch) : undefined
  if (hello) forward?.add(hello)
}

type Parts = ReturnType<typeof assemble>

function assemble(root: number, shown: string, state: StateDirectory, options: MirrorOptions) {
  const { say, onDivergence, force, upstream } = options
  const { record } = state.position
  const leftOut = new LeftOut(say)
  const suspects = new Suspects(state.fd, `${state.shown}/suspects`, record.suspects, say)
  const absence = openAbsence(state, options)
  const hello = new HelloFile(state.fd, state.shown)
  const until = new UntilGate(options.until)
  const resume: Resume = new Resume(state.position, state.position, {
    force: () => force,
    isStated: () => assertions.isActive,
    suspects: () => suspects.count,
    onJoin(note) {
      if (resume.epoch === 0 && upstream?.send && !assertions.isActive)
        say(`${shown} is taken to be what the source held; where it is not, use --bootstrap`)
      sync.join(note)
    },
    onHello: (bytes) => hello.write(bytes),
    onForced() {
      absence.kin?.forget()
      assertions.missed()
    },
    say,
  })
  const noteMode = (mode: number) => resume.noteMode(mode)
  const tree = new Tree(root, { ...treeOptions(state, options, leftOut), noteMode, suspects })
  const { unlock } = tree.options
  const sync: Sync = new Sync({
    policy: options.sync,
    root,
    shown,
    resume,
    position: state.position,
    onCertain: upstream?.send && (() => acks?.tell()),
  })
  const who = whoOf(record, shown)
  const operate = new Operate({ tree, absence, unlock, resume, onDivergence })
  const stating = { tree, absence, suspects, resume, sync }
  const assertions: Assertions = assertionsFor(options, state, stating)
  const ackParts = { resume, sync, who, assertions }
  const acks = upstream?.send ? new Acks({ upstream, ...ackParts }) : undefined
  const replay: Replay = new Replay({
    resume,
    until,
    operate: ({ name, body, seq }, _bytes, place) => {
      operate.expectations = assertions
      operate.do(name as never, body as never, seq, place)
      assertions.follow(name as never, body as never, seq)
    },
    onAssertion(message, place) {
      assertions.take(message, place)
      if (assertions.isVerified) replay.isDone = true
    },
    onBreak: () => assertions.restart(),
    onLost: (error) => assertions.seek(error),
    onFound: (bytes) => hello.write(bytes),
    isSought: (message) => assertions.isSought(message),
    onDoubt: (body, seq) => operate.doubt(body, seq),
    onFsync: () => sync.want(),
    onBegin(source, epoch) {
      options.onBegin?.(source, epoch)
      assertions.joined()
      // Only now may it be another part than before.
      if (assertions.isActive) markOnly(state, options.only, true)
    },
  })
  return { ...stating, shown, state, replay, unlock, leftOut, hello, until, acks, assertions }
}

function treeOptions(state: StateDirectory, options: MirrorOptions, leftOut: LeftOut) {
  const { ids, untrusted, maxFileSize, onDivergence, say } = options
  return {
    owners: new Owners(ids, untrusted, leftOut),
    leftOut,
    untrusted,
    maxFileSize,
    folds: foldsCase(state.fd, 'lock'),
    fake: ids.kind === 'xattr' ? new FakeSuper(untrusted, leftOut, say) : undefined,
    stops: onDivergence === 'stop',
    displaced: new Displaced(state.fd, state.shown, say),
    unlock: new Unlock(state.fd, state.shown),
  }
}

/** What is done with what the source states. */
function assertionsFor(
  options: MirrorOptions,
  state: StateDirectory,
  parts: Pick<AssertionsOptions, 'tree' | 'absence' | 'suspects' | 'resume' | 'sync'>,
): Assertions {
  const { upstream, verify, checks, force, onDivergence, say } = options
  const { tree, absence, resume } = parts
  const { owners, options: treeOptions } = tree
  const { suspects } = parts
  const assertions = new Assertions(
    {
      ...parts,
      state,
      displaced: treeOptions.displaced,
      upstream,
      mayRecover: !force && verify === undefined && onDivergence === 'repair',
      mayHeal: verify === undefined && onDivergence === 'repair' && upstream?.send !== undefined,
      verify,
      checks: checks === true,
      onDifference: (path, what, how) => options.onDifference?.(path, what, how, resume),
      say,
    },
    {
      tree,
      absence,
      ownerHere: (uid) => owners.ownerHere(uid),
      groupHere: (gid) => owners.groupHere(gid),
      isRoot: process.geteuid?.() === 0,
    },
  )
  suspects.onNote = (path, isLack) => assertions.heal(path, isLack)
  if (suspects.count > 0) assertions.healAll()
  return assertions
}

/** What is looked after between messages. */
function watch(options: MirrorOptions, state: StateDirectory, parts: Parts) {
  const { shown, tree, sync, replay, resume, assertions } = parts
  const { source, upstream, only, sync: policy } = options
  const { trash } = parts.absence
  const stat = new Stat()
  let lastMs = performance.now()
  let wasActive = false
  let isBulk = false
  options.onStatus?.(() =>
    statusOf({
      ...parts,
      state,
      policy,
      upstream,
      waiting: () => source.readableLength,
      silentMs: () => performance.now() - lastMs,
    }),
  )
  return {
    hurry: (): 0 | 1 | 2 => (sync.isDue ? 2 : sync.isBusy && upstream ? 1 : 0),
    afterTurn(isSettled: boolean) {
      checkRoot(tree.root, shown, stat)
      tree.files.endTurn()
      assertions.poll()
      if (assertions.isVerified) replay.isDone = true
      trash.step(trashStep)
      sync.afterTurn(isSettled)
      const nothing = only && wasActive && !assertions.isActive ? nothingOf(only, tree) : undefined
      if (nothing) options.say(nothing)
      wasActive = assertions.isActive
      lastMs = performance.now()
    },
    everySecond() {
      checkRoot(tree.root, shown, stat)
      if (!state.position.isThere(stat))
        throw new MirrorError('EMIRROR_STATE', `${state.shown}/position: was removed`)
      // What is kept open may have been moved elsewhere by somebody.
      tree.forgetAll()
      trash.step(trashStep)
      sync.poll()
      assertions.poll()
      const { underway } = assertions
      // Whoever works on the source's machine comes first. Where the system cannot, all are alike.
      if (isBulk !== (underway !== undefined)) setTimeSlice(underway ? bulkSliceNs : 0)
      isBulk = underway !== undefined
      options.onProgress?.({ counts: replay.counts, timeMs: resume.timeMs, underway })
    },
  }
}

// However a replay ended, what it did is made durable and its position noted. Why it ended counts
// more than that this fails as well.
function settle(failure: unknown, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (failure === undefined) throw error
  }
}
