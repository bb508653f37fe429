// Names are bytes from anywhere: what is shown to a terminal or a log must not command it.

/** Control, format (bidi overrides, say), unassigned and surrogate code points; line breaks. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}\\]/u
const short: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\\': '\\\\',
}

/**
 * `name` as one line of printable text: what is neither printable nor UTF-8 becomes `\xNN` byte by
 * byte, and a backslash is doubled, so that different names stay different.
 */
export function escapeName(name: Uint8Array | string): string {
  const bytes = typeof name === 'string' ? Buffer.from(name) : Buffer.from(name)
  const text = bytes.toString()
  if (!unprintable.test(text) && !text.includes('\ufffd')) return text
  let line = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    const part = bytes.subarray(at, at + length)
    const point = part.toString()
    if (point.includes('\ufffd') || unprintable.test(point)) line += short[point] ?? hex(part)
    else line += point
    at += length
  }
  return line
}

const hex = (bytes: Buffer) => bytes.toString('hex').replace(/../g, '\\x$&')

/** Bytes of the UTF-8 sequence at `at`; 1 where there is no valid one. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0
  const length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  const whole = bytes.subarray(at, at + length)
  return Buffer.from(whole.toString()).equals(whole) ? length : 1
}
