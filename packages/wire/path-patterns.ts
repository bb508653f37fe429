// Which paths count, by rsync's filter patterns (rsync(1), "PATTERN MATCHING RULES"): the first
// that matches decides, and what is below an excluded directory is excluded.

/** One rule, as `--include PATTERN` or `--exclude PATTERN` give it, in their order. */
export interface PathRule {
  readonly exclude: boolean
  readonly pattern: string
}

interface Matcher {
  readonly exclude: boolean
  readonly directoriesOnly: boolean
  readonly regex: RegExp
}

const slash = 0x2f

export class PathPatterns {
  readonly #matchers: readonly Matcher[]

  /** Throws RangeError for a pattern that can match nothing. */
  constructor(rules: readonly PathRule[]) {
    this.#matchers = rules.map(({ exclude, pattern }) => ({ exclude, ...compile(pattern) }))
  }

  /** Whether the rules exclude `path` itself; a directory above it may be excluded all the same. */
  matches(path: Buffer, isDirectory: boolean): boolean {
    const text = path.toString('latin1')
    for (const { exclude, directoriesOnly, regex } of this.#matchers)
      if ((isDirectory || !directoriesOnly) && regex.test(text)) return exclude
    return false
  }

  /** Whether `path` or a directory above it is excluded. */
  excludes(path: Buffer, isDirectory: boolean): boolean {
    for (let at = path.indexOf(slash); at >= 0; at = path.indexOf(slash, at + 1))
      if (this.matches(path.subarray(0, at), true)) return true
    return path.length > 0 && this.matches(path, isDirectory)
  }
}

// On bytes, as rsync does it: paths and patterns become strings of one UTF-16 unit for each byte.
function compile(pattern: string): Omit<Matcher, 'exclude'> {
  let text = Buffer.from(pattern).toString('latin1')
  const anchored = text.startsWith('/')
  if (anchored) text = text.slice(1)
  const directoriesOnly = text.endsWith('/')
  if (directoriesOnly) text = text.slice(0, -1)
  if (text === '') throw new RangeError(`'${pattern}' is not a pattern: it names nothing`)
  // Without a slash or ** in it a pattern is matched against the last component alone, which is the
  // same as against the end of the path.
  const start = anchored ? '^' : '(?:^|/)'
  return { directoriesOnly, regex: new RegExp(`${start}${translate(text)}$`, 's') }
}

function translate(text: string): string {
  if (text.endsWith('/***')) return `${translate(text.slice(0, -4))}(?:/.*)?`
  let source = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === '*') {
      let stars = 1
      while (text[i + 1] === '*') {
        stars++
        i++
      }
      source += stars > 1 ? '.*' : '[^/]*'
    } else if (c === '?') source += '[^/]'
    else if (c === '[') {
      const end = classEnd(text, i)
      source += end < 0 ? '\\[' : characterClass(text.slice(i + 1, end))
      if (end >= 0) i = end
    } else if (c === '\\' && i + 1 < text.length) source += quote(text[++i]!)
    else source += quote(c)
  }
  return source
}

// A ']' that comes first stands for itself.
function classEnd(text: string, start: number): number {
  let at = start + 1
  if (text[at] === '!' || text[at] === '^') at++
  return text.indexOf(']', at + 1)
}

function characterClass(body: string): string {
  const negated = body.startsWith('!') || body.startsWith('^')
  const named = (negated ? body.slice(1) : body)
    .replaceAll(/[\\\]^]/g, '\\$&')
    .replaceAll('[:alpha:\\]', 'A-Za-z')
    .replaceAll('[:digit:\\]', '0-9')
    .replaceAll('[:alnum:\\]', 'A-Za-z0-9')
    .replaceAll('[:space:\\]', '\\s')
    .replaceAll('[', '\\[')
  return negated ? `[^/${named}]` : `(?!/)[${named}]`
}

const quote = (c: string) => c.replace(/[.*+?^${}()|[\]\\/]/, '\\$&')
