import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import * as posix from '#posix'
import { tempDirectory } from '../support/temp-directory.js'

interface Work {
  root: number
  wake: number
  shared: SharedArrayBuffer
}

if (isMainThread) await test()
else work(workerData as Work)

/** In the worker: files, memory that both threads see, and a wait that the other thread ends. */
function work({ root, wake, shared }: Work): void {
  const name = Buffer.from([0xff, 0x77])
  const fd = posix.openat(root, name, posix.O_RDWR | posix.O_CREAT, 0o600)
  const written = posix.pwrite(fd, Buffer.from('from the worker'), 0, 15, 0)
  const read = posix.pread(fd, new Uint8Array(shared), 0, 15, 0)
  const missing = posix.openat(root, Buffer.from('none'), posix.O_RDONLY)
  posix.injectFault({ call: 'fsync', nth: 1, errno: posix.errno.EIO })
  const failed = posix.fsync(fd)
  posix.close(fd)
  parentPort?.postMessage({ written, read, missing, failed })
  const set = new posix.PollSet(1)
  set.set(0, wake, posix.POLLIN)
  parentPort?.postMessage({ woken: posix.poll(set, 30_000) })
}

async function test(): Promise<void> {
  // Not in the worker, where tap would send messages of its own.
  const { default: t } = await import('tap')
  void t.test('a worker thread has the same calls, with state of its own', async (t) => {
    const { fd: root } = tempDirectory(t)
    const wake = posix.eventfd()
    const shared = new SharedArrayBuffer(15)
    const workerData: Work = { root, wake, shared }
    const worker = new Worker(new URL(import.meta.url), { workerData })
    const exit = once(worker, 'exit')
    const [first] = await once(worker, 'message')
    t.same(first, { written: 15, read: 15, missing: -posix.errno.ENOENT, failed: -posix.errno.EIO })
    t.equal(Buffer.from(shared).toString(), 'from the worker')
    t.equal(posix.fsync(root), 0, 'its faults are not ours')
    t.equal(posix.eventfdSignal(wake), 0)
    t.same(await once(worker, 'message'), [{ woken: 1 }])
    t.same(await exit, [0])
    posix.close(wake)
  })
}
