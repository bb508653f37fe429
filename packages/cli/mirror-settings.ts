// The values of tfs-mirror's options, from what was typed.

import type { MirrorOptions } from '#mirror'
import { pathFault, PathPatterns, type PathRule } from '#wire'
import { parseMoment } from './moment.js'
import { parseDuration, parseSize } from './size.js'
import { UsageError } from './usage-error.js'

/** `none`, `always`, or seconds. Throws UsageError, as all of these do. */
export function parseSync(text: string): MirrorOptions['sync'] {
  if (text === 'none' || text === 'always') return text
  return parseDuration(text, '--sync') / 1000
}

export function parseIds(text: string): MirrorOptions['ids'] {
  if (text === 'numeric' || text === 'ignore' || text === 'xattr') return { kind: text }
  if (!text.startsWith('map='))
    throw new UsageError(`--ids: '${text}' is not numeric, ignore, xattr or map=FROM:TO,...`)
  const pairs = text.slice(4).split(',')
  const map = new Map<number, number>()
  for (const pair of pairs) {
    const [, from, to] = /^(\d{1,10}):(\d{1,10})$/.exec(pair) ?? []
    const isId = (id: string | undefined) => id !== undefined && Number(id) < 0xffffffff
    if (!isId(from) || !isId(to))
      throw new UsageError(`--ids: '${pair}' is not FROM:TO, two numbers of users or groups`)
    map.set(Number(from), Number(to))
  }
  return { kind: 'map', map }
}

/**
 * SEQ, EPOCH:SEQ, `@SECONDS[.NANOSECONDS]`, a date in the form of ISO 8601, or a mark's name, which
 * has `mark:` before it where it looks like one of the others.
 */
export function parseUntil(text: string): NonNullable<MirrorOptions['until']> {
  if (/^\d{1,15}$/.test(text)) return { kind: 'seq', seq: Number(text) }
  const [, epoch, seq] = /^(\d{1,10}):(\d{1,15})$/.exec(text) ?? []
  if (epoch !== undefined && seq !== undefined && Number(epoch) < 2 ** 32)
    return { kind: 'position', epoch: Number(epoch), seq: Number(seq), name: text }
  const time = parseMoment(text)
  if (time !== undefined) return { kind: 'time', time }
  const name = Buffer.from(text.replace(/^mark:/, ''))
  const isMark = name.length > 0 && name.length <= 255 && !/[\n/]/.test(name.toString())
  if (isMark && (text.startsWith('mark:') || !looksLikeOther.test(text)))
    return { kind: 'mark', name }
  throw new UsageError(
    `--until: '${text}' is no message's number, no time like 2026-01-31T12:00Z, and no mark ` +
      '(mark:NAME where it looks like one of those)',
  )
}

const looksLikeOther = /^(@\d|[\d:]+$|\d{4}-\d\d)/

/** `--max-file-size`, in bytes. */
export function parseLimit(text: string | undefined, untrusted: boolean): number {
  if (text !== undefined) return parseSize(text, '--max-file-size')
  return untrusted ? 2 ** 40 : Number.MAX_SAFE_INTEGER
}

/**
 * `--include` and `--exclude` in the order in which they were typed, which the parser does not
 * keep: `argv` has it. Throws UsageError for one that names nothing.
 */
export function orderedRules(
  argv: readonly string[],
  includes: readonly string[],
  excludes: readonly string[],
): PathRule[] {
  const left = { include: [...includes], exclude: [...excludes] }
  const rules: PathRule[] = []
  for (const word of argv) {
    if (word === '--') break
    const [, kind] = /^--(include|exclude)(?:=|$)/.exec(word) ?? []
    if (kind !== 'include' && kind !== 'exclude') continue
    const pattern = left[kind].shift()
    if (pattern !== undefined) rules.push(checkedRule({ exclude: kind === 'exclude', pattern }))
  }
  return rules
}

/** A path of the source as people write it: `./a`, `a/`, `.` for all of it. */
export function parsePath(option: string, text: string): Buffer {
  const path = Buffer.from(text.replace(/^(\.?\/)+|(\/\.?)+$/g, '').replace(/^\.$/, ''))
  const fault = pathFault(path)
  if (fault) throw new UsageError(`${option}: '${text}' is no path in DIR: ${fault}`)
  return path
}

/** PATH of `--verify`, as `.tfs/verify` on a mount takes it; nothing is all. */
export function parseCompared(text: string): Buffer {
  if (text.startsWith('/'))
    throw new UsageError(`--verify: '${text}' begins with a slash: PATH is relative to DIR`)
  const path = parsePath('--verify', text)
  refuseState('--verify', path)
  return path
}

function refuseState(option: string, path: Buffer): void {
  if (/^\.tfs(\/|$)/.test(path.toString('latin1')))
    throw new UsageError(`${option}: .tfs is not mirrored: it is what a mirror keeps about itself`)
}

/** `--only`, where there is one: a part that the rules do not leave out. */
export function parseOnly(text: string | undefined, rules: readonly PathRule[]) {
  if (text === undefined) return undefined
  const only = parsePath('--only', text)
  if (only.length === 0)
    throw new UsageError(`--only: '${text}' is all of the source: leave it out`)
  refuseState('--only', only)
  if (new PathPatterns(rules).excludes(only, true))
    throw new UsageError(`--only: '${text}' is left out by --exclude: nothing would be mirrored`)
  return only
}

function checkedRule(rule: PathRule): PathRule {
  try {
    void new PathPatterns([rule])
    return rule
  } catch (cause) {
    throw new UsageError((cause as Error).message)
  }
}
