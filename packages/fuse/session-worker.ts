// The worker thread of `serve`: loads the module with the handlers and runs the session.

import { parentPort, workerData } from 'node:worker_threads'
import type { Handlers } from './handler.js'
import type { SessionWorkerData, SessionWorkerMessage } from './serve.js'
import { Session } from './session.js'

interface HandlerModule {
  handlers: Handlers | ((data: unknown) => Handlers)
}

const { fd, module, data } = workerData as SessionWorkerData
const post = (message: SessionWorkerMessage) => parentPort?.postMessage(message)
const { handlers } = (await import(module)) as HandlerModule
const session = new Session({
  fd,
  handlers: typeof handlers === 'function' ? handlers(data) : handlers,
  onError: (error, during) => post({ error: `${during}: ${describe(error)}` }),
})
post({ end: session.run() })

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
