// The signals that end a program: the first lets it clean up, the second ends it at once.

const names = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

export interface StopSignals {
  /** Aborted by the first one. */
  readonly signal: AbortSignal
  /** The one that came. */
  readonly received: () => NodeJS.Signals | undefined
  /** Leaves the signals their usual effect again. */
  readonly remove: () => void
}

export function stopSignals(): StopSignals {
  const controller = new AbortController()
  let received: NodeJS.Signals | undefined
  const remove = () => {
    for (const name of names) process.off(name, take)
  }
  const take = (name: NodeJS.Signals) => {
    if (received) {
      remove()
      process.kill(process.pid, name)
      return
    }
    received = name
    controller.abort()
  }
  for (const name of names) process.on(name, take)
  return { signal: controller.signal, received: () => received, remove }
}
