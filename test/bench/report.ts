// Medians and ratios of a benchmark's measurements.

import t from 'tap'
import { assertionLines } from '../../bench/assertion.js'
import { chart } from '../../bench/chart.js'
import { contestLines, contestRows } from '../../bench/contest-report.js'
import { rowsOf, tableReport, type Measurement } from '../../bench/report.js'
import { peers, plainName } from '../../bench/targets.js'

const measured = (target: string, ...all: number[]): Measurement[] =>
  all.map((seconds) => ({ target, workload: 'work', seconds, cpuSeconds: 1, peakMiB: 50 }))

void t.test(
  'medians, and their ratios to the plain directory and to the better peer',
  async (t) => {
    const rows = rowsOf([
      ...measured(plainName, 9, 1, 2),
      ...measured(peers[0]!, 4, 5),
      ...measured(peers[1]!, 5, 6),
      ...measured('tfs, stream read', 6),
    ])
    t.match(rows, [
      { target: plainName, rounds: 3, median: 2, least: 1, most: 9, toPlain: 1, toPeer: 2 / 4.5 },
      { target: peers[0], rounds: 2, median: 4.5, toPlain: 2.25, toPeer: 1 },
      { target: peers[1], median: 5.5, toPeer: 5.5 / 4.5 },
      { target: 'tfs, stream read', median: 6, toPlain: 3, toPeer: 6 / 4.5, peakMiB: 50 },
    ])
    const table = tableReport(rows)
    t.match(table, /^work *$\n {2}plain directory +2\.000 +1\.000 +9\.000/m)
    t.ok(table.split('\n').every((line) => line.length <= 102))
    const image = chart(rows)
    t.match(image, /^<svg [^]*work[^]*tfs, stream read|tfs, stream read[^]*<\/svg>\n$/)
    t.equal(image.match(/<rect /g)?.length, 8, 'a bar and a colour for each')
  },
)

void t.test('contenders, and their ratios to the first', async (t) => {
  const heat = (contender: string, seconds: number) => ({ contest: 'start', contender, seconds })
  const rows = contestRows([heat("node's own", 2), heat('tfs-mirror --help', 3)])
  t.match(rows, [
    { median: 2, toFirst: 1 },
    { median: 3, toFirst: 1.5 },
  ])
  t.match(contestLines(rows), /^start\n {2}node's own +2\.000[^]* 1\.50x$/m)
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
