// A Unix socket in front of another one, that counts what goes through.

import { connect, createServer, type Socket } from 'node:net'

export class CountingProxy {
  readonly path: string
  /** Bytes from the server to its clients, and back. */
  down = 0
  up = 0

  private constructor(path: string) {
    this.path = path
  }

  static async start(
    t: { teardown(end: () => void): void },
    path: string,
    target: string,
  ): Promise<CountingProxy> {
    const proxy = new CountingProxy(path)
    const sockets = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const behind = connect({ path: target, allowHalfOpen: true })
      for (const [one, other] of [
        [client, behind],
        [behind, client],
      ] as const) {
        sockets.add(one)
        one.on('error', () => other.destroy())
        one.pipe(other)
      }
      behind.on('data', (piece: Buffer) => (proxy.down += piece.length))
      client.on('data', (piece: Buffer) => (proxy.up += piece.length))
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    t.teardown(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return proxy
  }
}
