// Spools made to order, and what is in them.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Spool, SpoolReader, SpoolWriter, type Place, type SyncPolicy } from '#spool'
import { StreamWriter } from './stream-writer.js'
import { tempDirectory } from './temp-directory.js'

export const segmentSize = 2000

/** An epoch of `messages` writes of 100 bytes and more, without an end. */
export function history(messages = 40, epoch = 7): StreamWriter {
  const stream = new StreamWriter(epoch)
  for (let i = 0; i < messages; i++)
    stream.add('write', { path: `f${i % 3}`, offset: i * 100, data: 'x'.repeat(100 + i) })
  return stream
}

export const openWriter = (path: string, size = segmentSize, sync: SyncPolicy = 'none') =>
  new SpoolWriter({ path, segmentSize: size, sync })

/** Appends messages one by one; throws where that fails. */
export function appendAll(writer: SpoolWriter, messages: readonly Buffer[]): void {
  for (const message of messages)
    if (writer.append(message, message.length) !== message.length) throw new Error('not appended')
}

/** The path of a spool that holds `messages`. */
export function spoolOf(
  t: { teardown(end: () => void): void },
  messages: readonly Buffer[],
  size = segmentSize,
): string {
  const path = join(tempDirectory(t).path, 'spool')
  const writer = openWriter(path, size)
  appendAll(writer, messages)
  writer.close()
  return path
}

export const filesOf = (path: string, suffix = '.tfs'): string[] =>
  readdirSync(path)
    .filter((name) => name.endsWith(suffix))
    .sort()

/** All that `reader` has now. */
export function drain(reader: SpoolReader): Buffer {
  const blocks: Buffer[] = []
  for (let block = reader.next(); block; block = reader.next()) blocks.push(Buffer.from(block))
  return Buffer.concat(blocks)
}

/** All that a spool has behind what `find` finds, or all of it. */
export function readSpool(path: string, find?: (spool: Spool) => Place | undefined): Buffer {
  const spool = new Spool(path)
  const reader = new SpoolReader(spool, find?.(spool))
  try {
    return drain(reader)
  } finally {
    reader.close()
    spool.close()
  }
}
