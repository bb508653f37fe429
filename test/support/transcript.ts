// What the processes of a case did and what came of it, call by call: two runs of a case on two
// directories must give the same transcript.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

export type Step = {
  call: string
  result: Json
  /** Why the two may differ here: the mount refuses, cleanly, what the stream cannot express; or
   * gives `instead`. */
  differs?: { reason: string; instead?: Json } | undefined
}

export type Transcript = { steps: Step[]; failure?: string }

export type Difference = { call: string; expected: Json; actual: Json }

/** The clean ways of saying no. */
const refusals = ['EOPNOTSUPP', 'ENOSYS', 'ENOTTY', 'EINVAL', 'EPERM']

/** A call went another way than its case demands, on whichever directory. */
export class CaseFailure extends Error {
  readonly code = 'ECASE'
}

/** The first call that gave something else on the mount, or undefined. */
export function firstDifference(plain: Transcript, mount: Transcript): Difference | undefined {
  const length = Math.max(plain.steps.length, mount.steps.length)
  for (let i = 0; i < length; i++) {
    const [a, b] = [plain.steps[i], mount.steps[i]]
    if (!a || !b) {
      const call = (a ?? b)?.call ?? ''
      return { call, expected: a?.result ?? '(not reached)', actual: b?.result ?? '(not reached)' }
    }
    if (a.call !== b.call) return { call: a.call, expected: a.call, actual: b.call }
    if (JSON.stringify(a.result) === JSON.stringify(b.result)) continue
    if (a.differs && isAccepted(a.differs, b.result)) continue
    return { call: a.call, expected: a.result, actual: b.result }
  }
  if (plain.failure === mount.failure) return undefined
  const [expected, actual] = [plain.failure ?? 'passed', mount.failure ?? 'passed']
  return { call: '(the case itself)', expected, actual }
}

function isAccepted({ instead }: NonNullable<Step['differs']>, result: Json): boolean {
  if (instead === undefined) return refusals.some((errno) => errno === result)
  return JSON.stringify(result) === JSON.stringify(instead)
}

/** The differences that were used: call and reason, for the report. */
export function acceptedDifferences(plain: Transcript, mount: Transcript): string[] {
  return plain.steps.flatMap((step, i) => {
    const other = mount.steps[i]
    if (!step.differs || !other) return []
    const [a, b] = [JSON.stringify(step.result), JSON.stringify(other.result)]
    const { reason } = step.differs
    return a === b ? [] : [`${step.call}: ${a} on the plain directory, ${b} here: ${reason}`]
  })
}

/** Data as a transcript holds it: short text as it is, the rest as length and beginning. */
export function dataText(data: Buffer): string {
  if (data.length <= 64) return JSON.stringify(data.toString('latin1'))
  let hash = 0x811c9dc5
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return `${data.length} bytes, hash ${hash.toString(16)}`
}
