// The end of a broadcast: each client gets what is left, and those who acknowledge have their say.

import type { Position } from '#wire'
import type { Client } from './client.js'

/**
 * Gives clients up to `limitMs` to take what is left and to leave. Who has sent acknowledgements is
 * waited for until it has acknowledged `end` or is gone. Gives those who have not taken all.
 */
export async function drain(
  clients: readonly Client[],
  end: Position,
  limitMs: number,
): Promise<Client[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs)
  })
  const finished = clients.map(async (client) => {
    const { socket } = client
    // Who writes to a connection that we have closed is told so before it has read all.
    const isOver = new Promise<void>((resolve) => socket.on('close', resolve))
    await Promise.race([hasAcknowledged(client, end), isOver])
    client.end()
    await isOver
  })
  await Promise.race([Promise.all(finished), late])
  clearTimeout(timer)
  return clients.filter(({ gone, socket }) => !gone && !socket.writableFinished)
}

async function hasAcknowledged(client: Client, end: Position): Promise<void> {
  client.flush()
  while (client.acked && !client.gone && !isUpTo(client, end))
    await new Promise<void>((resolve) => (client.onAck = resolve))
}

// Who never syncs says so by a 0.
function isUpTo({ acked }: Client, { epoch, seq }: Position): boolean {
  if (!acked) return false
  const { applied, durable } = acked
  return acked.epoch === epoch && applied >= seq && (durable === 0 || durable >= seq)
}
