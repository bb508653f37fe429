// What is in a spool, for people and for programs.

import { isUtf8 } from 'node:buffer'
import { escapeName } from '#posix'
import { isTrimmed, listReaders, lookAgain, Spool, SpoolError } from '#spool'
import type { SpoolSummary, Trimmed } from '#spool'
import { timeText, type Position } from '#wire'

interface SegmentLine {
  readonly name: string
  readonly epoch: number
  readonly first: number
  /** The others are missing where a segment is damaged. */
  readonly last?: number
  readonly bytes?: number
  readonly from?: bigint
  readonly to?: bigint
  readonly damage?: string
}

interface MarkLine extends Position {
  readonly name: Buffer
  readonly time: bigint
}

export interface SpoolListing {
  readonly segments: readonly SegmentLine[]
  readonly marks: readonly MarkLine[]
  readonly readers: ReturnType<typeof listReaders>
  readonly isDamaged: boolean
}

/** Throws SpoolError, SystemError. */
export const listSpool = (spool: Spool): SpoolListing => lookAgain(() => listNow(spool))

function listNow(spool: Spool): SpoolListing {
  const segments = spool.segments()
  const marks: MarkLine[] = []
  const lines = segments.map(({ name, epoch, seq }, at): SegmentLine => {
    const head = { name, epoch, first: seq }
    try {
      const index = spool.index(segments, at)
      marks.push(...index.marks.map((mark) => ({ ...mark, epoch })))
      const { size: bytes, firstTime: from, time: to } = index
      return { ...head, last: index.seq, bytes, from, to }
    } catch (error) {
      if (!(error instanceof SpoolError) || isTrimmed(error)) throw error
      return { ...head, damage: error.message }
    }
  })
  const isDamaged = lines.some(({ damage }) => damage !== undefined)
  return { segments: lines, marks, readers: listReaders(spool.fd), isDamaged }
}

/** Lines for people. */
export function listingText({ segments, marks, readers }: SpoolListing): string {
  const lines = segments.map((s) =>
    s.damage === undefined
      ? `segment  ${s.name}  ${s.epoch}:${s.first} to ${s.epoch}:${s.last}  ${s.bytes} bytes  ` +
        `${shown(s.from)} to ${shown(s.to)}`
      : `segment  ${s.name}  damaged: ${escapeName(s.damage)}`,
  )
  for (const { name, epoch, seq, time } of marks)
    lines.push(`mark     ${epoch}:${seq}  ${shown(time)}  ${escapeName(name)}`)
  for (const { name, position } of readers)
    lines.push(`reader   ${name}  ${position ? positionText(position) : 'damaged'}`)
  const bytes = segments.reduce((sum, s) => sum + (s.bytes ?? 0), 0)
  lines.push(`total    ${segments.length} segments, ${bytes} bytes`)
  return lines.map((line) => `${line}\n`).join('')
}

/** One object. */
export function listingJson({ segments, marks, readers }: SpoolListing): string {
  const object = {
    segments: segments.map(({ from, to, ...rest }) => ({
      ...rest,
      ...(from === undefined ? {} : { from: shown(from), to: shown(to) }),
    })),
    marks: marks.map(({ name, epoch, seq, time }) => ({
      name: isUtf8(name) ? name.toString() : { hex: name.toString('hex') },
      epoch,
      seq,
      time: shown(time),
    })),
    readers: readers.map(({ name, position }) =>
      position ? { name, ...position } : { name, damaged: true },
    ),
  }
  return `${JSON.stringify(object)}\n`
}

/** What verify says, a line each; the faults are for the log. */
export const summaryText = ({ segments, messages, bytes, ...rest }: SpoolSummary): string =>
  `${segments} segments, ${messages} messages, ${bytes} bytes, ${endText(rest)}\n`

function endText({ newest, ended, pending }: SpoolEnd): string {
  const at = newest.epoch === 0 ? 'empty' : `up to ${positionText(newest)}`
  const open = ended ? '' : ', which is no end'
  return `${at}${open}${pending > 0 ? `, and ${pending} bytes of a message on its way` : ''}`
}

type SpoolEnd = Pick<SpoolSummary, 'newest' | 'ended' | 'pending'>

/** What trim says. */
export const trimmedText = ({ segments, bytes }: Trimmed, dryRun: boolean): string =>
  segments.map(({ name }) => `${name}\n`).join('') +
  `${segments.length} segments, ${bytes} bytes ${dryRun ? 'would be' : 'were'} removed\n`

const positionText = ({ epoch, seq }: Position) => `${epoch}:${seq}`
const shown = (time: bigint | undefined) => (time === undefined ? '' : timeText(time))
