// Trees as lists of lines to compare: walk.c prints them, here they become comparable.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { compiled } from './compiled.js'

export type TreeView = {
  /** 'exact' between a store and its mirror; 'set' between two runs of the same calls: a time that
   * somebody set to the past (or far future) counts, one of now does not. */
  times: 'exact' | 'set'
  /** Allocated blocks, as 'none', 'some' or 'all' of the file. */
  blocks?: boolean
}

type Entry = {
  path: string
  mode: number
  fields: string[]
  nlink: string
  size: number
  mtime: string
  ino: string
  blocks: number
}

const run = promisify(execFile)
const recent = [1_600_000_000, 4_000_000_000] as const

/** The lines of `dir`; its own first, the paths relative to it. Throws what walk.c says. */
export async function treeLines(dir: string, view: TreeView): Promise<string[]> {
  const { stdout } = await run(compiled('walk'), [dir], {
    maxBuffer: 1 << 30,
    timeout: 120_000,
    killSignal: 'SIGKILL',
    encoding: 'latin1',
  })
  const firstNames = new Map<string, string>()
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => entryLine(parse(line), view, firstNames))
}

function parse(line: string): Entry {
  const f = line.split('\t')
  const at = (i: number) => f[i] ?? ''
  const fields = [`${at(2)}:${at(3)}`, `rdev ${at(6)}`, `xattrs ${at(10)}`, `content ${at(11)}`]
  const mode = parseInt(at(1), 8)
  const [nlink, mtime, ino] = [at(4), at(7), at(8)]
  return {
    path: at(0),
    mode,
    fields,
    nlink,
    size: Number(at(5)),
    mtime,
    ino,
    blocks: Number(at(9)),
  }
}

function entryLine(entry: Entry, view: TreeView, firstNames: Map<string, string>): string {
  const isDir = (entry.mode & 0o170000) === 0o040000
  const seconds = Number(entry.mtime.split('.')[0])
  const isNow = view.times === 'set' && seconds > recent[0] && seconds < recent[1]
  const parts = [entry.path, entry.mode.toString(8), ...entry.fields, `size ${entry.size}`]
  parts.push(`nlink ${entry.nlink}`, `mtime ${isNow ? 'now' : entry.mtime}`)
  if (!isDir && entry.nlink !== '1') {
    const first = firstNames.get(entry.ino)
    if (first === undefined) firstNames.set(entry.ino, entry.path)
    else parts.push(`is ${first}`)
  }
  if (view.blocks === true && !isDir) parts.push(`blocks ${amount(entry)}`)
  return parts.join(' ')
}

/** File systems round, so only the sixteenths of the file that are allocated are compared. */
function amount({ size, blocks }: Entry): string {
  if (blocks === 0) return 'none'
  const sixteenths = Math.ceil((blocks * 512 * 16) / Math.max(size, 1))
  return sixteenths >= 16 ? 'all' : `${sixteenths}/16`
}

/** The lines that only one of two trees has, '-' the first's, '+' the second's; '' when equal. */
export function linesDiffer(expected: string[], actual: string[], max = 20): string {
  const [wanted, found] = [new Set(expected), new Set(actual)]
  const lost = expected.filter((line) => !found.has(line)).map((line) => `- ${line}`)
  const extra = actual.filter((line) => !wanted.has(line)).map((line) => `+ ${line}`)
  const all = [...lost, ...extra].sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1))
  const rest = all.length > max ? [`... ${all.length - max} more`] : []
  return [...all.slice(0, max), ...rest].join('\n')
}

export async function treesDiffer(first: string, second: string, view: TreeView): Promise<string> {
  const [a, b] = await Promise.all([treeLines(first, view), treeLines(second, view)])
  return linesDiffer(a, b)
}
