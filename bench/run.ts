// The benchmark: the same work on a plain directory, on libfuse's passthrough_ll and on a mount of
// ours, by turns, and what each takes as a ratio to the others.
// Then what an assertion of a large tree costs, beside rsync.
//   npm run bench -- [--rounds N] [--json] [--quick] [--dir DIRECTORY] [--only WORKLOAD]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { requirements } from '../test/requirements.js'
import { assertionLines, benchAssertion, type AssertionReport } from './assertion.js'
import { jsonReport, tableReport, type Measurement } from './report.js'
import { benchPackages, buildPeer, targets, type Target } from './targets.js'
import { prepare, workloads, type Material } from './workloads.js'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    dir: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const chosen = workloads.filter(({ name }) => !values.only || name.includes(values.only))
const problems = requirements(benchPackages)
if (!Number.isInteger(rounds) || rounds < 1) problems.push({ what: '--rounds', cure: 'a number' })
const hasAssertion = !values.only || 'assertion'.includes(values.only)
if (chosen.length === 0 && !hasAssertion)
  problems.push({ what: '--only', cure: 'a part of a name of a workload' })
for (const { what, cure } of problems) console.error(`${what}\n    cure: ${cure}`)
if (problems.length > 0) process.exitCode = 1
else await bench()

async function bench(): Promise<void> {
  const dir = mkdtempSync(join(values.dir, 'tfs-bench-'))
  // The test's mirrored mount goes where temporary files go.
  process.env['TMPDIR'] = dir
  const measurements: Measurement[] = []
  let assertion: AssertionReport | undefined
  try {
    if (hasAssertion) assertion = await benchAssertion({ rounds, quick: values.quick })
    if (chosen.length > 0) measurements.push(...(await compare(dir)))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  if (values.json) console.log(jsonReport(measurements, assertion))
  else {
    if (measurements.length > 0) console.log(tableReport(measurements))
    if (assertion) console.log(assertionLines(assertion))
  }
}

async function compare(dir: string): Promise<Measurement[]> {
  const measurements: Measurement[] = []
  await buildPeer(dir)
  const material = await prepare(dir)
  for (let round = 0; round < rounds; round++) {
    // By turns, each target first once: what the machine does meanwhile hits all alike.
    const order = targets.map((_, i) => targets[(i + round) % targets.length]!)
    for (const target of order) measurements.push(...(await measure(target, dir, material)))
  }
  return measurements
}

async function measure(target: Target, dir: string, material: Material): Promise<Measurement[]> {
  const place = mkdtempSync(join(dir, 'place-'))
  const found: Measurement[] = []
  try {
    await target.use(place, async ({ path, settle }) => {
      for (const workload of chosen) {
        const seconds = await workload.run(path, material)
        found.push({ target: target.name, workload: workload.name, seconds })
        console.error(`${target.name}: ${workload.name}: ${seconds.toFixed(3)} s`)
        await settle()
      }
    })
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
  return found
}
