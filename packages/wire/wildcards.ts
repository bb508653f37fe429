// rsync's wildcards as regular expressions on bytes: strings of one UTF-16 unit for each byte. As
// in its wildmatch.c, and not as elsewhere: an unfinished class matches nothing at all.

/** The source of an expression without anchors; undefined where it can match nothing. */
export function wildcards(pattern: string): string | undefined {
  let source = ''
  for (let at = 0; at < pattern.length; at++) {
    const c = pattern[at]!
    if (c === '*') {
      const start = at
      while (pattern[at + 1] === '*') at++
      source += at > start ? '.*' : '[^/]*'
    } else if (c === '?') source += '[^/]'
    else if (c === '[') {
      const found = byteClass(pattern, at)
      if (!found) return undefined
      source += found.source
      at = found.end
    } else if (c === '\\') {
      if (++at === pattern.length) return undefined
      source += quote(pattern[at]!)
    } else source += quote(c)
  }
  return source
}

/** Whether a pattern has wildcards; a backslash means something only there. */
export const hasWildcards = (pattern: string): boolean => /[*?[]/.test(pattern)

/** `text` as an expression that matches nothing but it. */
export const quote = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')

const named: Readonly<Record<string, RegExp>> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  // oxlint-disable-next-line no-control-regex
  cntrl: /[\0-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t-\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
}

const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))

/** The class that begins at `start`, and where its ']' is; undefined where it is no whole class. */
function byteClass(pattern: string, start: number): { source: string; end: number } | undefined {
  let at = start + 1
  const isNegated = pattern[at] === '!' || pattern[at] === '^'
  if (isNegated) at++
  const members = new Set<string>()
  let previous = ''
  // A ']' that comes first stands for itself.
  for (let isFirst = true; isFirst || pattern[at] !== ']'; isFirst = false, at++) {
    const c = pattern[at]
    if (c === undefined) return undefined
    const colons = c === '[' ? /^\[:([^\]]*):\]/.exec(pattern.slice(at)) : null
    if (colons) {
      const matching = named[colons[1]!]
      if (!matching) return undefined
      for (const byte of bytes) if (matching.test(byte)) members.add(byte)
      at += colons[0].length - 1
      previous = ''
    } else if (c === '-' && previous && at + 1 < pattern.length && pattern[at + 1] !== ']') {
      if (pattern[++at] === '\\') at++
      const last = pattern[at]
      if (last === undefined) return undefined
      for (const byte of bytes) if (byte >= previous && byte <= last) members.add(byte)
      previous = ''
    } else {
      if (c === '\\') at++
      const member = pattern[at]
      if (member === undefined) return undefined
      members.add(member)
      previous = member
    }
  }
  const matched = bytes.filter((byte) => byte !== '/' && members.has(byte) !== isNegated)
  return { source: matched.length ? `[${matched.map(quoteMember).join('')}]` : '(?!)', end: at }
}

const quoteMember = (byte: string) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
