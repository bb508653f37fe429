// The same operations on two directories, one after another on both: after each, what came of it
// must be equal.

import { OperationPlayer } from './operation-player.js'
import type { Operation } from './operation.js'

export type Divergence = { index: number; operation: Operation; expected: string; actual: string }

export type Outcome = {
  divergence?: Divergence
  /** How many first calls succeeded: a run in which all fail has shown nothing. */
  succeeded: number
}

/** Plays `operations` in both directories, to the first that diverges. */
export async function lockstep(
  plain: string,
  mount: string,
  operations: readonly Operation[],
): Promise<Outcome> {
  const players = await Promise.all([OperationPlayer.start(plain), OperationPlayer.start(mount)])
  let succeeded = 0
  try {
    for (const [index, operation] of operations.entries()) {
      const results = await Promise.all(
        players.map((player, i) => {
          const own = i === 1 ? (operation.tampered ?? operation) : operation
          return player.play(own).catch((error: unknown) => [String(error)])
        }),
      )
      const [expected, actual] = results.map((lines) => lines.join('\n')) as [string, string]
      if (expected !== actual) {
        return { divergence: { index, operation, expected, actual }, succeeded }
      }
      if (!/^E[A-Z0-9]+$/.test(results[0]?.[0] ?? '')) succeeded++
    }
    return { succeeded }
  } finally {
    await Promise.all(players.map((player) => player.end()))
  }
}

export function divergenceText({ index, operation, expected, actual }: Divergence): string {
  const [wanted, found] = [expected.split('\n'), actual.split('\n')]
  const lines = operation.calls.flatMap(({ words }, i) => {
    if (wanted[i] === found[i]) return []
    return [`  ${words}`, `    plain: ${wanted[i]}`, `    mount: ${found[i]}`]
  })
  return [`operation ${index}, process ${operation.who}: ${operation.show}`, ...lines].join('\n')
}
