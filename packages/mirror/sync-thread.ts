// A thread of its own for syncfs(2) and fdatasync(2), which may take seconds: each message asks for
// one, the answer is its result.

import { parentPort } from 'node:worker_threads'
import { fdatasync, syncfs } from '#posix'
import type { SyncQuestion } from './sync.js'

parentPort?.on('message', (what: SyncQuestion) =>
  parentPort?.postMessage('tree' in what ? syncfs(what.tree) : fdatasync(what.file)),
)
