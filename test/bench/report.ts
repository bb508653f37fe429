// Medians and ratios of a benchmark's measurements.

import t from 'tap'
import { assertionLines } from '../../bench/assertion.js'
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

void t.test('what an assertion costs, with rates and ratios', async (t) => {
  const lines = assertionLines({
    files: 1000,
    bytes: 50e6,
    seconds: { '--bootstrap': 2.5 },
    p99: { before: 400, 'during --bootstrap': 600 },
    ratio: { 'during --bootstrap': 1.5 },
  })
  t.match(lines, /^ {2}--bootstrap +2\.50 s +400 files\/s, 20\.0 MB\/s$/m)
  t.match(lines, /^ {2}before +0\.40 ms$/m)
  t.match(lines, /^ {2}during --bootstrap +0\.60 ms +1\.50x$/m)
})
