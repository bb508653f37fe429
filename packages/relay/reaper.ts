// Finds clients that are gone without a sign: who has ended its sending is not read any more, nor
// who sends more than can be passed on, so that its leaving would go unnoticed.

import type { Socket } from 'node:net'
import type { Client } from './client.js'
import { isHungUp } from './connection.js'

const eachMs = 1000

export class Reaper {
  readonly #clients: Set<Client>
  #timer: NodeJS.Timeout | undefined

  constructor(clients: Set<Client>) {
    this.#clients = clients
  }

  /** Looks once, since room is needed. */
  reapNow(): void {
    this.#reap(({ socket }) => socket.readableEnded || socket.isPaused())
  }

  /** Looks as long as there is anybody who has ended its sending. */
  watch(): void {
    this.#timer ??= setInterval(() => {
      if (this.#reap(({ socket }) => socket.readableEnded) === 0) this.close()
    }, eachMs)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Lets those of the suspects go that are not there any more; gives the number of the others. */
  #reap(isSuspect: (client: { readonly socket: Socket }) => boolean): number {
    let alive = 0
    for (const client of this.#clients) {
      if (!isSuspect(client)) continue
      if (!isHungUp(client.socket)) alive++
      else {
        client.socket.destroy()
        this.#clients.delete(client)
      }
    }
    return alive
  }
}
