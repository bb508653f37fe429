// A thread that does nothing but fsync (see sync-pool.ts).

import type { MessagePort } from 'node:worker_threads'
import { eventfdSignal, fdatasync, fsync, helperData } from '#posix'
import type { SyncJob, SyncResult } from './sync-pool.js'

const { port, wakeFd } = helperData<{ port: MessagePort; wakeFd: number }>()

port.on('message', ({ id, fd, dataOnly }: SyncJob) => {
  const result: SyncResult = { id, result: dataOnly ? fdatasync(fd) : fsync(fd) }
  port.postMessage(result)
  eventfdSignal(wakeFd)
})
