// Which paths count, by rsync's filter patterns (rsync(1), "PATTERN MATCHING RULES"): the first
// that matches decides, and what is below an excluded directory is excluded.

import { hasWildcards, quote, wildcards } from './wildcards.js'

/** One rule, as `--include PATTERN` or `--exclude PATTERN` give it, in their order. */
export interface PathRule {
  readonly exclude: boolean
  readonly pattern: string
}

/** Whether a path, as text of one unit for each byte, is what the pattern means. */
type Match = (path: string, isDirectory: boolean) => boolean

const slash = 0x2f

export class PathPatterns {
  readonly #rules: readonly { readonly exclude: boolean; readonly match: Match }[]

  /** Throws RangeError for a pattern that names nothing. */
  constructor(rules: readonly PathRule[]) {
    this.#rules = rules.map(({ exclude, pattern }) => ({ exclude, match: compile(pattern) }))
  }

  /** Whether the rules exclude `path` itself; a directory above it may be excluded all the same. */
  matches(path: Buffer, isDirectory: boolean): boolean {
    const text = path.toString('latin1')
    for (const { exclude, match } of this.#rules) if (match(text, isDirectory)) return exclude
    return false
  }

  /** Whether `path` or a directory above it is excluded. */
  excludes(path: Buffer, isDirectory: boolean): boolean {
    if (this.#rules.length === 0) return false
    for (let at = path.indexOf(slash); at >= 0; at = path.indexOf(slash, at + 1))
      if (this.matches(path.subarray(0, at), true)) return true
    return path.length > 0 && this.matches(path, isDirectory)
  }
}

// As rule_matches in rsync's exclude.c has it.
function compile(given: string): Match {
  const pattern = Buffer.from(given).toString('latin1')
  if (/^\/*$/.test(pattern)) throw new RangeError(`'${given}' is not a pattern: it names nothing`)
  const directoriesOnly = pattern.endsWith('/')
  const text = directoriesOnly ? pattern.slice(0, -1) : pattern
  const regex = expression(text)
  if (!regex) return () => false
  // 'dir/***' is the directory as well as what is in it.
  const end = pattern.endsWith('***') ? '/' : ''
  // A '**' that comes first may be nothing before the first name.
  const start = text.startsWith('**') ? '/' : ''
  return (path, isDirectory) => {
    if (directoriesOnly && !isDirectory) return false
    return regex.test(start || end ? `${start}${path}${isDirectory ? end : ''}` : path)
  }
}

function expression(text: string): RegExp | undefined {
  const isAnchored = text.startsWith('/')
  const rest = isAnchored ? text.slice(1) : text
  const source = hasWildcards(text) ? wildcards(rest) : quote(rest)
  if (source === undefined) return undefined
  // What is not anchored begins at any name. It spans as many as its slashes say, of which one in
  // a class counts and matches nothing.
  const isAnywhere = !isAnchored && !rest.startsWith('**')
  if (isAnywhere && !rest.includes('**') && count(rest, '/') !== count(source, '\\/'))
    return undefined
  return new RegExp(`${isAnywhere ? '(?:^|/)' : '^'}${source}$`, 's')
}

const count = (text: string, part: string) => text.split(part).length
