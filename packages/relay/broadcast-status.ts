// What a broadcast says of itself: one line for the input, with the state of it all, and one for
// each client.

import { afterPosition, type Spool } from '#spool'
import { messageTable, type Position } from '#wire'
import type { Client } from './client.js'
import { isFaultOfSpool } from './reader-after.js'
import type { Scanner } from './scanner.js'
import type { Window } from './window.js'

/** A source that is idle ticks each second. */
const silentMs = 15_000
/** A client that is later than this is not live. */
const lateSeconds = 10

export interface StatusOf {
  readonly scanner: Scanner
  readonly window: Window
  readonly clients: Iterable<Client>
  readonly spool: Spool | undefined
  readonly backlogBytes: number
  /** The input waits for a client. */
  readonly isHeld: boolean
  /** What keeps the stream from going on, for people. */
  readonly trouble: string | undefined
  /** Since a message has come. */
  readonly silentMs: number
  readonly clientsEver: number
  readonly refused: number
}

export function statusLines(status: StatusOf): string[] {
  const { scanner, window, isHeld, trouble } = status
  const clients = [...status.clients]
  const input = [
    `input: ${isHeld || trouble !== undefined ? 'held' : 'flowing'} at ${shown(scanner)}`,
    `${window.position} bytes in ${scanner.messages} messages`,
    `${clients.length} clients of ${status.clientsEver}`,
    `${status.refused} refused`,
    `${window.allocated} bytes of memory`,
    `state: ${stateOf(status)}`,
  ]
  return [input.join(', '), ...clients.map((client) => clientLine(client, status))]
}

/** `healthy`, or everything for which that would be a lie. */
function stateOf(status: StatusOf): string {
  const { scanner, trouble, isHeld } = status
  const wrong: string[] = []
  if (trouble !== undefined) wrong.push(trouble)
  if (isHeld) wrong.push('held up by a client')
  if (scanner.type === 0) wrong.push('waits for its source')
  else if (scanner.type === messageTable.abort.type) wrong.push('the source has given up')
  else if (scanner.ended) wrong.push('the stream has ended')
  else if (status.silentMs > silentMs)
    wrong.push(`silent for ${Math.floor(status.silentMs / 1000)} s`)
  if (scanner.gaps > 0) wrong.push('messages are missing')
  for (const client of status.clients) {
    if (client.hasLost) wrong.push(`client ${client.id} has lost messages`)
    else if (isLate(client, status)) wrong.push(`client ${client.id} is behind`)
  }
  return wrong.length === 0 ? 'healthy' : wrong.join('; ')
}

function isLate(client: Client, { window, backlogBytes }: StatusOf): boolean {
  if (client.isBehind || client.backlog > backlogBytes / 2) return true
  return (secondsBehind(client, window) ?? 0) > lateSeconds
}

function clientLine(client: Client, { scanner, window, spool }: StatusOf): string {
  const { id, peer, since, sentBytes, sentMessages, lostMessages, acked } = client
  const seconds = secondsBehind(client, window)
  return [
    `client ${id}: ${peer}, since ${since.toISOString()}`,
    `at ${shown(client)}`,
    ...lag(client, scanner, spool),
    ...(seconds === undefined ? [] : [`${seconds.toFixed(1)} s behind`]),
    client.lost ? 'losing messages' : `from the ${client.isBehind ? 'spool' : 'window'}`,
    `sent ${sentBytes} bytes in ${sentMessages} messages`,
    `lost ${lostMessages} messages`,
    acked
      ? `acknowledged ${acked.epoch}: received ${acked.received}, applied ${acked.applied}, ` +
        `durable ${acked.durable}`
      : 'acknowledged nothing',
  ].join(', ')
}

function lag(client: Client, { epoch, seq }: Scanner, spool: Spool | undefined): string[] {
  if (client.lost) return []
  const bytes = client.isBehind && spool ? bytesBehind(spool, client) : client.backlog
  return [
    `backlog ${bytes ?? 'unknown'} bytes`,
    client.epoch === epoch
      ? `${Math.max(0, seq - client.seq)} messages`
      : `in epoch ${client.epoch}, not ${epoch}`,
  ]
}

// By the times of the messages; undefined where the client has none yet.
function secondsBehind(client: Client, { last }: Window): number | undefined {
  if (client.epoch === last.epoch && client.seq === last.seq) return 0
  return client.time === 0 ? undefined : Math.max(0, (last.time - client.time) / 1e9)
}

function bytesBehind(spool: Spool, position: Position): number | undefined {
  try {
    const { segment, offset } = afterPosition(spool, position)
    const segments = spool.segments()
    const at = segments.findIndex(({ ordinal }) => ordinal === segment.ordinal)
    const sizes = segments.slice(at).map((_, i) => spool.index(segments, at + i).size)
    return sizes.reduce((sum, size) => sum + size, 0) - offset
  } catch (error) {
    // It was trimmed, or never there; or cannot be looked at now.
    if (isFaultOfSpool(error)) return undefined
    throw error
  }
}

const shown = ({ epoch, seq }: Position): string => `${epoch}:${seq}`
