// The hello-world file system as a process of its own, for tests of real mounts. All work on the
// mount is done by children with a time limit.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readMounts, type MountEntry } from '#fuse'

const program = fileURLToPath(new URL('../../examples/hello-fs.js', import.meta.url))
const limitMs = 20_000

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

/** Runs a command to its end, in the C locale. */
export function run(command: string, ...args: string[]): Ran {
  const done = spawnSync(command, args, {
    timeout: limitMs,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })
  if (done.error) throw done.error
  return { status: done.status, stdout: done.stdout, stderr: done.stderr }
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until `look` gives something. */
export async function eventually<T>(what: string, look: () => T | undefined | false): Promise<T> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const found = look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > endMs) throw new Error(`${what}: not within ${limitMs} ms`)
    await sleep(20)
  }
}

export class HelloMount {
  readonly mountpoint: string
  readonly child: ChildProcess
  stderr = ''
  /** Code or signal with which the process ended. */
  readonly ended: Promise<number | string>

  constructor(mountpoint: string, options = '', command: readonly string[] = []) {
    this.mountpoint = mountpoint
    const line = [...command, ...(command.length ? [] : [process.execPath, program])]
    const [first, ...rest] = [...line, mountpoint, options]
    this.child = spawn(first!, rest, {
      stdio: ['ignore', 'inherit', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => resolve(code ?? signal ?? 'gone'))
    })
  }

  /** A new mount point with the file system on it. */
  static async start(options = ''): Promise<HelloMount> {
    const hello = new HelloMount(newMountpoint(), options)
    await hello.mounted()
    return hello
  }

  entry(): MountEntry | undefined {
    const path = Buffer.from(this.mountpoint)
    return readMounts().findLast(({ mountPoint }) => mountPoint.equals(path))
  }

  mounted(): Promise<MountEntry> {
    return eventually('mounting', () => {
      if (this.child.exitCode !== null) throw new Error(`ended: ${this.stderr}`)
      return this.entry()
    })
  }

  /** Ends it, whatever its state, and removes the mount point. */
  async clear(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
    while (this.entry()) if (run('umount', '-l', this.mountpoint).status !== 0) break
    rmdirSync(this.mountpoint)
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.child.pid}/fd`).length
  }

  residentKib(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'latin1')
    return Number(/^VmRSS:\s+(\d+) kB/mu.exec(status)?.[1])
  }
}

export const newMountpoint = () => mkdtempSync(join(tmpdir(), 'tfs-hello-'))
