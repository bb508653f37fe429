// A thread of its own for syncfs(2), which may take seconds: each message asks for one, the answer
// is its result.

import { parentPort, workerData } from 'node:worker_threads'
import { syncfs } from '#posix'

const { fd } = workerData as { fd: number }
parentPort?.on('message', () => parentPort?.postMessage(syncfs(fd)))
