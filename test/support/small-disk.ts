// A file system of its own that is soon full: what is to be in it stands beside what fills it up.

import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'

const timeout = 60_000
const pieceSize = 1 << 20
const lastSize = 1 << 10
const againMs = 20

export type DiskKind = 'tmpfs' | 'ext4'

export class SmallDisk {
  /** Where it is mounted. */
  readonly path: string
  readonly #ballast: string
  #filling: NodeJS.Timeout | undefined

  private constructor(path: string) {
    this.path = path
    this.#ballast = join(path, 'ballast')
  }

  /** Mounts one of `size` bytes in `dir`, until the test `t` ends. Needs root. */
  static make(
    t: { teardown(end: () => void): void },
    dir: string,
    name: string,
    size: number,
    kind: DiskKind,
  ): SmallDisk {
    const path = join(dir, name)
    fs.mkdirSync(path)
    const disk = new SmallDisk(path)
    t.teardown(() => {
      clearInterval(disk.#filling)
      spawnSync('umount', ['-l', path], { timeout })
    })
    const run = (command: string, ...args: string[]) => execFileSync(command, args, { timeout })
    if (kind === 'tmpfs') run('mount', '-t', kind, '-o', `size=${size},mode=755`, 'tmpfs', path)
    else {
      const image = `${path}.image`
      run('truncate', '-s', `${size}`, image)
      run('mkfs.ext4', '-q', '-m', '0', image)
      run('mount', '-o', 'loop', image, path)
    }
    return disk
  }

  /** Nothing more fits from now on: what others give back is taken as well. */
  fill(): void {
    const { bavail, bsize } = fs.statfsSync(this.path)
    const half = Math.floor((bavail * bsize) / 2)
    // Without data, where the file system can: it is faster.
    if (half > pieceSize) execFileSync('fallocate', ['-l', `${half}`, this.#ballast], { timeout })
    this.#fillUp()
    this.#filling = setInterval(() => this.#fillUp(), againMs)
  }

  free(): void {
    clearInterval(this.#filling)
    fs.rmSync(this.#ballast, { force: true })
  }

  #fillUp(): void {
    const fd = fs.openSync(this.#ballast, 'a')
    for (const size of [pieceSize, lastSize]) append(fd, Buffer.alloc(size))
    fs.closeSync(fd)
  }
}

function append(fd: number, piece: Buffer): void {
  try {
    for (;;) fs.writeSync(fd, piece)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}
