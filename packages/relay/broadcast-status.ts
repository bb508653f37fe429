// What a broadcast says of itself: its input, with the state of it all, and each client.

import type { Spool } from '#spool'
import { messageTable, type Position } from '#wire'
import type { Client } from './client.js'
import type { Scanner } from './scanner.js'
import { lagIn, lagText, lateSeconds, silence, stateOf } from './status-report.js'
import type { Lag, StatusReport } from './status-report.js'
import type { Window } from './window.js'

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

export function describeBroadcast(status: StatusOf): StatusReport {
  const { scanner, window, isHeld, trouble, clientsEver, refused } = status
  const { epoch, seq, gaps, messages } = scanner
  const object = {
    state: stateOf(faultsOf(status)),
    input: {
      isHeld: isHeld || trouble !== undefined,
      epoch,
      seq,
      gaps,
      messages,
      bytes: window.position,
      silentSeconds: status.silentMs / 1000,
    },
    clientsEver,
    refused,
    memoryBytes: window.allocated,
    clients: [...status.clients].map((client) => describeClient(client, status)),
  }
  const { input, clients } = object
  const line = [
    `input: ${input.isHeld ? 'held' : 'flowing'} at ${shown(scanner)}`,
    `${input.bytes} bytes in ${messages} messages`,
    `${clients.length} clients of ${clientsEver}`,
    `${refused} refused`,
    `${gaps} gaps`,
    `${object.memoryBytes} bytes of memory`,
    `state: ${object.state}`,
  ]
  return { object, lines: [line.join(', '), ...clients.map(clientLine)] }
}

/** Everything for which `healthy` would be a lie. */
function faultsOf(status: StatusOf): string[] {
  const { scanner, trouble, isHeld } = status
  const faults: string[] = []
  if (trouble !== undefined) faults.push(trouble)
  if (isHeld) faults.push('held up by a client')
  if (scanner.type === 0) faults.push('waits for its source')
  else if (scanner.type === messageTable.abort.type) faults.push('the source has given up')
  else if (scanner.ended) faults.push('the stream has ended')
  else faults.push(...silence(status.silentMs))
  if (scanner.gaps > 0) faults.push('messages are missing')
  for (const client of status.clients) {
    if (client.hasLost) faults.push(`client ${client.id} has lost messages`)
    else if (isLate(client, status)) faults.push(`client ${client.id} is behind`)
  }
  return faults
}

function isLate(client: Client, { window, backlogBytes }: StatusOf): boolean {
  if (client.isBehind || client.backlog > backlogBytes / 2) return true
  return (secondsBehind(client, window) ?? 0) > lateSeconds
}

interface ClientStatus {
  readonly id: number
  readonly peer: string
  readonly since: string
  readonly epoch: number
  readonly seq: number
  readonly lag: Lag
  readonly from: 'window' | 'spool' | 'nowhere'
  readonly sentBytes: number
  readonly sentMessages: number
  readonly lostMessages: number
  readonly acknowledged: {
    epoch: number
    received: number
    applied: number
    durable: number
  } | null
}

function describeClient(client: Client, status: StatusOf): ClientStatus {
  const { id, peer, since, epoch, seq, sentBytes, sentMessages, lostMessages, acked } = client
  return {
    id,
    peer,
    since: since.toISOString(),
    epoch,
    seq,
    lag: lagOf(client, status),
    from: client.lost ? 'nowhere' : client.isBehind ? 'spool' : 'window',
    sentBytes,
    sentMessages,
    lostMessages,
    acknowledged: acked
      ? {
          epoch: acked.epoch,
          received: acked.received,
          applied: acked.applied,
          durable: acked.durable,
        }
      : null,
  }
}

function lagOf(client: Client, { scanner, window, spool }: StatusOf): Lag {
  if (client.isBehind && spool) return lagIn(spool, client)
  return {
    bytes: client.lost ? null : client.backlog,
    messages: client.epoch === scanner.epoch ? Math.max(0, scanner.seq - client.seq) : null,
    seconds: secondsBehind(client, window) ?? null,
  }
}

// By the times of the messages; undefined where the client has none yet.
function secondsBehind(client: Client, { last }: Window): number | undefined {
  if (client.epoch === last.epoch && client.seq === last.seq) return 0
  return client.time === 0 ? undefined : Math.max(0, (last.time - client.time) / 1e9)
}

function clientLine(client: ClientStatus): string {
  const { id, peer, since, from, lag, sentBytes, sentMessages, acknowledged: acked } = client
  return [
    `client ${id}: ${peer}, since ${since}`,
    `at ${shown(client)}`,
    `backlog ${lagText(lag)}`,
    from === 'nowhere' ? 'losing messages' : `from the ${from}`,
    `sent ${sentBytes} bytes in ${sentMessages} messages`,
    `lost ${client.lostMessages} messages`,
    acked
      ? `acknowledged ${acked.epoch}: received ${acked.received}, applied ${acked.applied}, ` +
        `durable ${acked.durable}`
      : 'acknowledged nothing',
  ].join(', ')
}

const shown = ({ epoch, seq }: Position): string => `${epoch}:${seq}`
