// Medians and ratios of a benchmark's measurements.

import t from 'tap'
import { jsonReport, tableReport, type Measurement } from '../../bench/report.js'
import { targets } from '../../bench/targets.js'

const [plain, passthrough, ...ours] = targets.map(({ name }) => name)

void t.test('medians, and their ratios to the plain directory and to the peer', async (t) => {
  const measured = (target: string | undefined, ...all: number[]): Measurement[] =>
    all.map((seconds) => ({ target: target!, workload: 'work', seconds }))
  const measurements = [
    ...measured(plain, 9, 1, 2),
    ...measured(passthrough, 4, 5),
    ...ours.flatMap((name) => measured(name, 6)),
  ]
  const rows = JSON.parse(jsonReport(measurements)) as unknown
  t.match(rows, [
    { target: plain, rounds: 3, median: 2, least: 1, most: 9, toPlain: 1, toPassthrough: 2 / 4.5 },
    { target: passthrough, rounds: 2, median: 4.5, toPlain: 2.25, toPassthrough: 1 },
    { target: ours[0], median: 6, toPlain: 3, toPassthrough: 6 / 4.5 },
    { target: ours[1] },
  ])
  t.match(tableReport(measurements), /^work *$\n {2}plain directory +2\.000 +1\.000 +9\.000/m)
})
