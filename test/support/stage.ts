// Where a case plays: a directory of its own, processes that work in it, and the transcript.

import { Process } from './process-calls.js'
import { CaseFailure, type Json, type Transcript } from './transcript.js'

export type Case = {
  name: string
  run: (stage: Stage) => Promise<void>
  /** Only with TFS_LONG=1: it takes too long for every run. */
  long?: true
  /** The tree has paths that rsync cannot name: only the walk compares it. */
  beyondRsync?: true
  /** Processes race in it: what they leave is not the same twice, but the mirror's it must be. */
  racy?: true
  /** Allocated blocks are compared too: holes stay holes. */
  holes?: true
}

/** User and group of the cases' ordinary user, and of another. */
export const USER = 1201
export const OTHER = 1202

export class Stage {
  readonly transcript: Transcript = { steps: [] }
  /** The absolute path of the case's directory. */
  readonly dir: string
  readonly #processes: Process[] = []

  readonly #user: number | undefined

  /** All processes are of `user`, where one is given. */
  constructor(dir: string, user?: number) {
    this.dir = dir
    this.#user = user
  }

  /** A new process, working in the case's directory as root with umask 022. */
  async process(): Promise<Process> {
    const label = this.#processes.length === 0 ? '' : `p${this.#processes.length + 1}: `
    const process = new Process(this.transcript, label)
    this.#processes.push(process)
    if (this.#user !== undefined) await process.become(this.#user, this.#user)
    await process.unrecorded('chdir(DIR)', `chdir s${Buffer.from(this.dir).toString('hex')}`)
    return process
  }

  /** A process of an ordinary user. */
  async user(uid = USER, groups: number[] = []): Promise<Process> {
    const process = await this.process()
    await process.become(uid, uid, groups)
    return process
  }

  /** Records a value that the two directories must agree on. */
  note(what: string, value: Json): void {
    this.transcript.steps.push({ call: what, result: value })
  }

  /** Records `found`, which must be `wanted`. */
  is(found: Json, wanted: Json, what: string): void {
    this.note(what, found)
    if (JSON.stringify(found) === JSON.stringify(wanted)) return
    throw new CaseFailure(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
  }

  async end(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.end()))
  }
}

/** Plays `one` in `dir`, which is empty. Never rejects: what went wrong is in the transcript. */
export async function play(one: Case, dir: string, user?: number): Promise<Transcript> {
  const stage = new Stage(dir, user)
  try {
    await one.run(stage)
  } catch (error) {
    stage.transcript.failure =
      error instanceof CaseFailure ? error.message : String((error as Error).stack)
  } finally {
    await stage.end()
  }
  return stage.transcript
}
