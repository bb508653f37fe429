// Captive mode: a command runs on the mount, and the journal ends with it.

import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'

// The shell goes there by itself. A child that this process would place there asks the mount before
// it is a program of its own, with our descriptors, while this thread waits for it.
const inMount = 'cd "$TFS_MOUNT" && exec /bin/sh -c "$0"'

/**
 * Runs `command` by the shell in the mount's root, with $TFS_MOUNT naming it. Its standard output
 * goes where our errors go, since ours is the stream.
 */
export class Captive {
  /**
   * Its exit code, as a shell gives it: 128 and the signal's number where the command died of one.
   * Rejects where there is no shell.
   */
  readonly ended: Promise<number>
  readonly #child: ChildProcess

  constructor(command: string, mountpoint: string) {
    const child = spawn('/bin/sh', ['-c', inMount, command], {
      stdio: [isatty(0) ? 'inherit' : 'ignore', 2, 2],
      env: { ...process.env, TFS_MOUNT: mountpoint },
    })
    this.#child = child
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        const died = signal ? 128 + constants.signals[signal] : 0
        resolve(code ?? died)
      })
    })
  }

  /** Passes on a signal to this process; a second one, other than SIGINT, is not to be ignored. */
  pass(signal: NodeJS.Signals, isSecond: boolean): void {
    // The terminal sends SIGINT to the command, too.
    if (signal !== 'SIGINT') this.#child.kill(isSecond ? 'SIGKILL' : signal)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
