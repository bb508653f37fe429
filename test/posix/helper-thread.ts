// A thread may be ended at any moment, also while it loads koffi, which would take the process
// along.

import { isMainThread } from 'node:worker_threads'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventfd, eventfdSignal, helperData, HelperThread, POLLIN } from '#posix'
import { close, poll, PollSet } from '#posix'

if (isMainThread) await test()
else eventfdSignal(helperData<{ wakeFd: number }>().wakeFd)

async function test(): Promise<void> {
  // Not in the thread, where tap would send messages of its own.
  const { default: t } = await import('tap')
  const module = new URL(import.meta.url)
  void t.test('gets what it is given', async (t) => {
    const wakeFd = eventfd()
    const thread = new HelperThread(module, { wakeFd })
    const set = new PollSet(1)
    set.set(0, wakeFd, POLLIN)
    t.equal(poll(set, 10_000), 1)
    thread.end()
    close(wakeFd)
  })
  void t.test('is ended while it begins', async (t) => {
    const wakeFd = eventfd()
    for (let delayMs = 0; delayMs < 100; delayMs += 2) {
      const thread = new HelperThread(module, { wakeFd })
      await sleep(delayMs)
      thread.end()
    }
    t.pass('and this process lives')
    close(wakeFd)
  })
}
