// An end by a signal.

/** Ends this process as `signal` does where nothing handles it. */
export function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal)
  // Node ignores SIGPIPE; adding and removing a listener gives back the default action.
  process.once(signal, () => undefined)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}
