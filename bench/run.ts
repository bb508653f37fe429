// The benchmark: the same work by turns on a plain directory, on libfuse's passthrough examples and
// on a mount of ours; work that other tools do in another way; what an assertion costs.
//   npm run bench -- [--rounds N] [--quick] [--only NAME] [--json FILE] [--svg FILE] [--dir DIR]
//                    [--profile DIR]

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { requirements } from '../test/requirements.js'
import { assertionLines, benchAssertion, type AssertionReport } from './assertion.js'
import { chart } from './chart.js'
import { contestLines, contestRows, type Heat } from './contest-report.js'
import { contests } from './contests.js'
import { usageOf } from './processes.js'
import { rowsOf, tableReport, type Measurement } from './report.js'
import { benchPackages, buildPeers, targets, type Target } from './targets.js'
import { prepare, scales, workloads, type Material } from './workloads.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
    svg: { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})
const rounds = values.quick ? 1 : Number(values.rounds)
const isChosen = ({ name }: { readonly name: string }) =>
  values.only === undefined || name.includes(values.only)
const chosen = workloads.filter(isChosen)
const chosenContests = contests.filter(isChosen)
const hasAssertion = isChosen({ name: 'assertion' })
const problems = requirements(benchPackages)
if (!Number.isInteger(rounds) || rounds < 1) problems.push({ what: '--rounds', cure: 'a number' })
if (chosen.length + chosenContests.length === 0 && !hasAssertion)
  problems.push({ what: '--only', cure: 'a part of a name of a workload' })
for (const { what, cure } of problems) console.error(`${what}\n    cure: ${cure}`)
if (problems.length > 0) process.exitCode = 1
else await bench()

async function bench(): Promise<void> {
  const dir = mkdtempSync(join(values.dir, 'tfs-bench-'))
  // The test's mirrored mount goes where temporary files go.
  process.env['TMPDIR'] = dir
  if (values.profile !== undefined) process.env['TFS_BENCH_PROFILE'] = values.profile
  const measurements: Measurement[] = []
  const heats: Heat[] = []
  let assertion: AssertionReport | undefined
  try {
    if (chosen.length + chosenContests.length > 0) {
      await buildPeers(dir)
      const material = await prepare(dir, values.quick ? scales.quick : scales.full)
      for (let round = 0; round < rounds; round++) {
        measurements.push(...(await compare(dir, material, round)))
        heats.push(...(await contest(dir, material, round)))
      }
    }
    if (hasAssertion) assertion = await benchAssertion({ rounds, quick: values.quick })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  tell(measurements, heats, assertion)
}

function tell(
  measurements: readonly Measurement[],
  heats: readonly Heat[],
  assertion: AssertionReport | undefined,
): void {
  const rows = rowsOf(measurements)
  const results = contestRows(heats)
  const processors = `${cpus().length} x ${cpus()[0]?.model}`
  const machine = `${processors}, Linux ${release()}, Node ${process.version}`
  console.log(`${machine}; medians of ${rounds}`)
  if (rows.length > 0) console.log(tableReport(rows))
  if (results.length > 0) console.log(contestLines(results))
  if (assertion) console.log(assertionLines(assertion))
  const report = { machine, rounds, rows, contests: results, assertion }
  if (values.json) write(values.json, JSON.stringify(report, null, 2))
  if (values.svg) write(values.svg, chart(rows))
}

function write(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
}

// By turns, each first once: what the machine does meanwhile hits all alike.
function turned<T>(all: readonly T[], round: number): T[] {
  return all.map((_, i) => all[(i + round) % all.length]!)
}

async function compare(dir: string, material: Material, round: number): Promise<Measurement[]> {
  const measurements: Measurement[] = []
  if (chosen.length === 0) return measurements
  for (const target of turned(targets, round))
    measurements.push(...(await measure(target, dir, material)))
  return measurements
}

async function measure(target: Target, dir: string, material: Material): Promise<Measurement[]> {
  const place = mkdtempSync(join(dir, 'place-'))
  const found: Measurement[] = []
  try {
    await target.use(place, async ({ path, settle, pids }) => {
      for (const workload of chosen) {
        const before = usageOf(pids).cpuSeconds
        const seconds = await workload.run(path, material)
        await settle()
        const { cpuSeconds, peakMiB } = usageOf(pids)
        const used = { cpuSeconds: cpuSeconds - before, peakMiB }
        found.push({ target: target.name, workload: workload.name, seconds, ...used })
        console.error(`${target.name}: ${workload.name}: ${seconds.toFixed(3)} s`)
      }
    })
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
  return found
}

async function contest(dir: string, material: Material, round: number): Promise<Heat[]> {
  const heats: Heat[] = []
  for (const { name, contenders } of chosenContests)
    for (const contender of turned(contenders, round)) {
      const place = mkdtempSync(join(dir, 'place-'))
      try {
        const seconds = await contender.run(place, material)
        heats.push({ contest: name, contender: contender.name, seconds })
        console.error(`${contender.name}: ${name}: ${seconds.toFixed(3)} s`)
      } finally {
        rmSync(place, { recursive: true, force: true })
      }
    }
  return heats
}
