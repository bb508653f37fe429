// A file system of its own that is soon full: what is to be in it stands beside what fills it up.

import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'

const timeout = 60_000
const pieceSize = 1 << 20
const lastSize = 1 << 10

export type DiskKind = 'tmpfs' | 'ext4'

export class SmallDisk {
  /** Where it is mounted. */
  readonly path: string
  readonly #ballast: string

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
    t.teardown(() => spawnSync('umount', ['-l', path], { timeout }))
    const run = (command: string, ...args: string[]) => execFileSync(command, args, { timeout })
    if (kind === 'tmpfs') run('mount', '-t', kind, '-o', `size=${size},mode=755`, 'tmpfs', path)
    else {
      const image = `${path}.image`
      run('truncate', '-s', `${size}`, image)
      run('mkfs.ext4', '-q', '-m', '0', image)
      run('mount', '-o', 'loop', image, path)
    }
    return new SmallDisk(path)
  }

  /** Until nothing more fits, though others write there as well. */
  fill(): void {
    const fd = fs.openSync(this.#ballast, 'a')
    try {
      const { bavail, bsize } = fs.statfsSync(this.path)
      const half = Math.floor((bavail * bsize) / 2)
      // Without data, where the file system can: it is faster.
      if (half > pieceSize) execFileSync('fallocate', ['-l', `${half}`, this.#ballast], { timeout })
      for (const size of [pieceSize, lastSize]) append(fd, Buffer.alloc(size))
    } finally {
      fs.closeSync(fd)
    }
  }

  free(): void {
    fs.rmSync(this.#ballast, { force: true })
  }
}

function append(fd: number, piece: Buffer): void {
  try {
    for (;;) fs.writeSync(fd, piece)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}
