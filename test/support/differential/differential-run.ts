// One list of operations on a plain directory and on a mount that has a mirror: results compared
// one by one, then the trees of all four.

import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Actor } from '../actor.js'
import type { MirroredMount } from '../mirrored-mount.js'
import { at } from '../request-words.js'
import { linesDiffer, treeLines, treesDiffer } from '../tree-walk.js'
import { divergenceText, lockstep } from './lockstep.js'
import type { Operation } from './operation.js'
import { soonEqual } from './soon-equal.js'

export type Verdict = {
  /** What went wrong, '' when nothing did. */
  failure: string
  /** The operations up to the one that failed. */
  upTo: number
  succeeded: number
}

export class DifferentialRuns {
  readonly #m: MirroredMount
  readonly #plain: string
  readonly #maker = new Actor()
  #count = 0

  /** `plain` is a directory on the file system that has the store. */
  constructor(m: MirroredMount, plain: string) {
    this.#m = m
    this.#plain = plain
  }

  async run(
    operations: readonly Operation[],
    beforeTrees?: (sub: string) => void,
  ): Promise<Verdict> {
    const sub = `run-${++this.#count}/top`
    const [plain, mount] = [join(this.#plain, sub), join(this.#m.mount, sub)]
    mkdirSync(plain, { recursive: true })
    chmodSync(plain, 0o777)
    for (const [dir, mode] of [
      [join(mount, '..'), 0o755],
      [mount, 0o777],
    ] as const) {
      await this.#maker.request(`mkdirat ${at(dir)} n${mode}`, 20_000)
      await this.#maker.request(`fchmodat ${at(dir)} n${mode}`, 20_000)
    }
    const { divergence, succeeded } = await lockstep(plain, mount, operations)
    if (divergence) {
      return { failure: divergenceText(divergence), upTo: divergence.index + 1, succeeded }
    }
    await this.#m.settle()
    beforeTrees?.(sub)
    return { failure: await this.#treeFailure(sub), upTo: operations.length, succeeded }
  }

  end(): Promise<void> {
    return this.#maker.end()
  }

  async #treeFailure(sub: string): Promise<string> {
    const { store, mount, mirror } = this.#m
    const [inStore, inMirror] = [join(store, sub), join(mirror, sub)]
    const rsync = await this.#m.compare(sub)
    const found = {
      'the store is not as the plain directory': linesDiffer(
        await playedLines(join(this.#plain, sub)),
        await playedLines(inStore),
      ),
      'the mount does not show what the store holds': await treesDiffer(inStore, join(mount, sub), {
        times: 'exact',
      }),
      'the mirror is not as the store (walk)': await soonEqual(inStore, inMirror),
      'the mirror is not as the store (rsync)': rsync,
    }
    const lines = Object.entries(found).filter(([, difference]) => difference !== '')
    return lines.map(([what, difference]) => `${what}\n${difference}`).join('\n')
  }
}

/** A tree without what the same operations need not give twice: times of now, and of FIFOs, which a
 * write through a FUSE mount leaves alone. */
async function playedLines(dir: string): Promise<string[]> {
  const lines = await treeLines(dir, { times: 'set' })
  return lines.map((line) => (/^\S+ 1\d{4} /.test(line) ? line.replace(/ mtime \S+/, '') : line))
}
