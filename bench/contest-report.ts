// What the contenders took, as a table for people and as rows for JSON.

import { contests } from './contests.js'
import { median } from './report.js'

/** One run of a contender. */
export interface Heat {
  readonly contest: string
  readonly contender: string
  readonly seconds: number
}

export interface ContestRow {
  readonly contest: string
  readonly contender: string
  readonly rounds: number
  /** Seconds. */
  readonly median: number
  readonly least: number
  readonly most: number
  /** The median's, to that of the contest's first contender. */
  readonly toFirst: number
}

export function contestRows(heats: readonly Heat[]): ContestRow[] {
  return contests.flatMap(({ name: contest, contenders }) => {
    const of = (contender: string) =>
      heats
        .filter((heat) => heat.contest === contest && heat.contender === contender)
        .map(({ seconds }) => seconds)
    const first = median(of(contenders[0]!.name))
    return contenders
      .map(({ name }) => ({ contender: name, all: of(name) }))
      .filter(({ all }) => all.length > 0)
      .map(({ contender, all }) => ({
        contest,
        contender,
        rounds: all.length,
        median: median(all),
        least: Math.min(...all),
        most: Math.max(...all),
        toFirst: median(all) / first,
      }))
  })
}

export function contestLines(rows: readonly ContestRow[]): string {
  const lines = rows.flatMap(({ contest, contender, median: middle, least, most, toFirst }, i) => {
    const figures = [middle, least, most].map((s) => s.toFixed(3).padStart(10)).join('')
    const line = `  ${contender.padEnd(30)}${figures}${`${toFirst.toFixed(2)}x`.padStart(10)}`
    return rows[i - 1]?.contest === contest ? [line] : [contest, line]
  })
  return ['', ...lines].join('\n')
}
