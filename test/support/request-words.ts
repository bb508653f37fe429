// Spells the arguments of an actor's request; the kinds are those at the head of actor.c.

/** A name as bytes or, for convenience, text; with `at`, relative to that descriptor. */
export type Name = string | Buffer
export type Path = Name | { at: number; path: Name }

export const AT_FDCWD = -100

export function nameBytes(name: Name): Buffer {
  return typeof name === 'string' ? Buffer.from(name) : name
}

export const num = (value: number | bigint) => `n${value}`
export const str = (name: Name) => `s${nameBytes(name).toString('hex')}`
export const bytes = (data: Name) => `b${nameBytes(data).toString('hex')}`
export const inOut = (data: Buffer) => `x${data.toString('hex')}`
export const out = (size: number) => `o${size}`
export const got = (size: number) => `r${size}`
export const hashed = (size: number) => `h${size}`
export const pattern = (size: number, seed: number) => `f${size},${seed}`
export const gather = (parts: Name[]) =>
  `v${parts.map((p) => nameBytes(p).toString('hex')).join(',')}`
export const scatter = (sizes: number[]) => `w${sizes.join(',')}`

/** The two words of a path in a call of the *at family. */
export function at(path: Path): string {
  if (typeof path === 'string' || Buffer.isBuffer(path)) return `${num(AT_FDCWD)} ${str(path)}`
  return `${num(path.at)} ${str(path.path)}`
}

/** A name as a report shows it: one line of printable ASCII, the middle of a long one left out. */
export function shown(path: Path): string {
  if (typeof path !== 'string' && !Buffer.isBuffer(path)) return `${path.at}:${shown(path.path)}`
  const text = nameBytes(path).toString('latin1')
  const plain = text.replace(/[^ -~]|[\\"]/g, (c) => {
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
  return plain.length > 70 ? `"${plain.slice(0, 30)}..${plain.slice(-30)}"` : `"${plain}"`
}
