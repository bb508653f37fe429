// The name of a segment: its number in the spool, so that names sort in the order of the stream,
// then the position of its first message. `0000000012.89abcdef.0000000000004711.tfs`

export interface SegmentName {
  /** 1, 2, 3 … through all epochs. */
  readonly ordinal: number
  readonly epoch: number
  /** Of the first message. */
  readonly seq: number
}

const form = /^(\d{10})\.([0-9a-f]{8})\.(\d{16})\.tfs$/

/** Sorts before all segments: the retained messages of a stream whose beginning was trimmed. */
export const retainedName = '0000000000.tfs'

export function segmentName({ ordinal, epoch, seq }: SegmentName): string {
  const number = String(ordinal).padStart(10, '0')
  return `${number}.${epoch.toString(16).padStart(8, '0')}.${String(seq).padStart(16, '0')}.tfs`
}

/** Undefined for what is no segment's name. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const [, ordinal, epoch, seq] = form.exec(name) ?? []
  if (ordinal === undefined || epoch === undefined || seq === undefined) return undefined
  const parsed = { ordinal: Number(ordinal), epoch: parseInt(epoch, 16), seq: Number(seq) }
  return parsed.ordinal > 0 && parsed.epoch > 0 && Number.isSafeInteger(parsed.seq)
    ? parsed
    : undefined
}

/** The name of the file beside a segment by which messages in it are found. */
export const indexName = (segment: string): string => segment.replace(/\.tfs$/, '.idx')
