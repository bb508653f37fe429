// The calls that random operations are made of: what is done, and a look at what it was done to, so
// that a wrong result shows at once and not only at the end.

import { atFlags } from '../flags.js'
import { at, got, num, out, shown, str } from '../request-words.js'
import { statxSize } from '../stat-record.js'
import type { Call } from './operation.js'
import type { Draw } from './random-operations.js'

export const call = (words: string, compared: Call['compared'] = 'all'): Call => ({
  words,
  compared,
})
export const opened = (words: string, into: string): Call => ({ words, compared: 'errno', into })
export const lstat = (path: string) =>
  call(`statx ${at(path)} ${num(atFlags.SYMLINK_NOFOLLOW)} n4095 ${out(statxSize)}`, 'stat')
export const fstat = (fd: string) =>
  call(`statx ${fd} ${str('')} ${num(atFlags.EMPTY_PATH)} n4095 ${out(statxSize)}`, 'stat')
export const listed = (dir: string) => call(`getdents64 ${dir} ${got(32_768)} n32768`, 'entries')

/** A call on a path, and what is there then. */
export const onPath = (show: string, path: string, words: string) => ({
  show: `${show} ${shown(path)}`,
  calls: [call(words), lstat(path)],
})
/** A call on a descriptor, and what it is then. */
export const onFd = (show: string, fd: string, words: string) => ({
  show: `${show} ${fd}`,
  calls: [call(words), fstat(fd)],
})
export const onTwo = (show: string, from: string, to: string, words: string) => ({
  show: `${show} ${shown(from)} ${shown(to)}`,
  calls: [call(words), lstat(from), lstat(to)],
})

/** A path, in some cases from a kept descriptor on. */
export function place(draw: Draw, path: string): string {
  return draw.oneIn(8) ? `${draw.fd()} ${str(path)}` : at(path)
}
