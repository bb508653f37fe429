// Has the kernel hand over what programs have written through mmap. Another process does it, since
// one that waits for its own mount could not be killed. And it does it file by file: syncfs(2) does
// not wait for what a FUSE mount has been handed (AS_NO_DATA_INTEGRITY, Linux 6.18).

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { errno } from '#posix'
import type { MarkMessage } from './marks.js'

/** Its exit code where not all of them are there. */
export const moved = 1

const program = join(import.meta.dirname, 'write-pages.js')
const timeoutMs = 300_000

/** Serves what `Marks` asks for at `port`; `wake` is called after each answer. */
export function syncForMarks(
  port: MessagePort,
  mountpoint: string,
  wake: () => void,
  failed: (why: string) => void,
): void {
  port.on('message', (message: MarkMessage) => {
    const answer = (result: number) => {
      port.postMessage({ ...message, result } satisfies MarkMessage)
      wake()
    }
    if (message.paths.length === 0) return answer(0)
    const args = [program, mountpoint]
    const child = execFile(process.execPath, args, { timeout: timeoutMs }, (error, _, stderr) => {
      if (error && error.code !== moved) failed(stderr.trim() || error.message)
      answer(!error ? 0 : error.code === moved ? -errno.ENOENT : -errno.EIO)
    })
    const input = message.paths.flatMap((path) => [path, Buffer.of(0)])
    child.stdin?.on('error', () => {}).end(Buffer.concat(input))
  })
  port.unref()
}
