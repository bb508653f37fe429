// The end that a signal asks for, and the time that is left then.

/** How long a reader has to take the rest. */
export const stopDrainMs = 1000

/** Settles `ms` after `signal` is aborted. Does not keep the process from ending. */
export const stopped = (signal: AbortSignal, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const wait = () => setTimeout(resolve, ms).unref()
    if (signal.aborted) wait()
    else signal.addEventListener('abort', wait, { once: true })
  })
