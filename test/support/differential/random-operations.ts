// Lists of operations that look random and come again with the same seed. Names are few, so that
// the processes meet: the same file under several names, moved, replaced and removed while others
// have it open.

import { constants } from 'node:fs'
import { random, type Random } from '../random.js'
import { processCount } from './operation-player.js'
import type { Call, Operation } from './operation.js'
import { operationKinds } from './operation-kinds.js'

/** Descriptors that a process keeps. */
const fdCount = 4
const mapCount = 2

/** What an operation is made of, drawn from a seed. */
export class Draw {
  readonly next: Random['next']

  constructor(numbers: Random) {
    this.next = numbers.next
  }

  /** One of `choices`. */
  of<T>(choices: readonly T[]): T {
    return choices[this.next(choices.length)] as T
  }

  /** Happens in one of `n` cases. */
  oneIn(n: number): boolean {
    return this.next(n) === 0
  }

  fd(): string {
    return `$fd${this.next(fdCount)}`
  }

  map(): number {
    return this.next(mapCount)
  }

  /** A path of one to three names, most of the upper ones those that directories get. */
  path(last: 'file' | 'dir' | 'any' = 'any'): string {
    const depth = this.of([1, 1, 1, 2, 2, 3])
    const above = Array.from({ length: depth - 1 }, () => this.#name(9))
    return [...above, this.#name(last === 'any' ? 2 : last === 'dir' ? 9 : -9)].join('/')
  }

  /** A directory's name in `sure` of ten cases, a file's in the others; below 0 the reverse. */
  #name(sure: number): string {
    const isDir = sure >= 0 ? this.next(10) < sure : this.next(10) >= -sure
    return isDir ? this.of(['d', 'd', 'e', 'e', 'f\n']) : this.of(['a', 'a', 'b', 'b', 'x y'])
  }

  mode(): number {
    const modes = [
      0o644, 0o666, 0o666, 0o755, 0o777, 0o777, 0o777, 0o4755, 0o2755, 0o1777, 0o2777, 0o444,
    ]
    return this.of(modes)
  }

  id(): number {
    return this.of([0, 0, 1201, 1202, -1])
  }

  /** Mostly near block borders. */
  offset(): number {
    const near = this.of([0, 0, 4096, 8192, 65_536, 131_072]) + this.next(9) - 4
    return Math.max(0, this.oneIn(4) ? this.next(150_000) : near)
  }

  size(): number {
    return this.of([0, 1, 7, 100, 4096, 4097, 10_000, 1 + this.next(40_000)])
  }

  seed(): number {
    return 1 + this.next(1 << 20)
  }
}

/** Makes one operation's calls, and words for a report. */
export type OperationKind = {
  weight: number
  make: (draw: Draw) => { show: string; calls: Call[] }
}

export function randomOperations(seed: number, count: number): Operation[] {
  const draw = new Draw(random(seed))
  const urn = operationKinds.flatMap((kind) => Array.from({ length: kind.weight }, () => kind))
  const first = ['d', 'e', 'd/e', 'e/d'].map((path) => directory(path))
  const rest = Array.from({ length: count - first.length }, () => {
    const who = draw.next(processCount)
    return { who, ...draw.of(urn).make(draw) }
  })
  return [...first, ...rest]
}

function directory(path: string): Operation {
  const hex = Buffer.from(path).toString('hex')
  const calls: Call[] = [
    { words: `mkdirat n-100 s${hex} n${0o777}`, compared: 'all' },
    { words: `fchmodat n-100 s${hex} n${0o777 | constants.S_IFDIR}`, compared: 'all' },
  ]
  return { who: 0, show: `mkdir ${path} 0777`, calls }
}
