// A mount whose server is gone (kill -9, abort): every call on it says ENOTCONN until it is
// unmounted, and nothing can be mounted over it.

import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { check, close, errno, geteuid, pipe2, POLLIN, PollSet, poll, read } from '#posix'
import { fusermountUnmount } from './fusermount.js'
import { MountError } from './mount-error.js'
import { readMounts, type MountEntry } from './mountinfo.js'
import { unmountAsRoot } from './mount.js'

const probeTimeoutMs = 10_000

/** The dead FUSE mount on exactly this path, if any. Throws where a mount does not answer. */
export function deadMount(mountpoint: string): MountEntry | undefined {
  const path = Buffer.from(withoutLinks(mountpoint))
  const entry = readMounts().findLast((mounted) => mounted.mountPoint.equals(path))
  if (entry === undefined || !/^fuse(?:blk)?(?:\.|$)/u.test(entry.fsType)) return undefined
  return isDead(path.toString()) ? entry : undefined
}

/**
 * Unmounts a dead mount of our own type on this path, if there is one; says whether there was. A
 * dead mount of another type is left alone: MountError, ENOTCONN, with the command to type.
 */
export function replaceDeadMount(mountpoint: string, subtype = 'tfs'): boolean {
  const dead = deadMount(mountpoint)
  if (dead === undefined) return false
  const path = withoutLinks(mountpoint)
  const isRoot = geteuid() === 0
  if (dead.fsType !== `fuse.${subtype}`) {
    const command = isRoot ? 'umount' : 'fusermount3 -u'
    throw new MountError(
      'ENOTCONN',
      `'${path}' is a dead mount of type ${dead.fsType}: unmount it with ${command} '${path}'`,
    )
  }
  // Lazily: processes may still stand in it, and have nothing to lose.
  if (isRoot) unmountAsRoot(path, true)
  else fusermountUnmount(path, true)
  return true
}

/** The path with its parent resolved; of a dead mount itself nothing can be asked. */
function withoutLinks(path: string): string {
  const whole = resolve(path)
  try {
    return join(realpathSync(dirname(whole)), basename(whole))
  } catch {
    return whole
  }
}

/**
 * Asks in a child, since whoever asks a mount whose server is stopped waits without a limit, and
 * not even kill -9 ends that.
 */
function isDead(path: string): boolean {
  const pipe: [number, number] = [-1, -1]
  check(pipe2(pipe), 'pipe2')
  const [ours, theirs] = pipe
  const child = spawn(process.execPath, ['-e', probe, path], {
    stdio: ['ignore', theirs, 'ignore'],
    detached: true,
  })
  child.on('error', () => {}) // Seen as an empty answer.
  child.unref()
  close(theirs)
  try {
    if (!readableWithin(ours, probeTimeoutMs)) {
      throw new MountError(
        'ETIMEDOUT',
        `the mount on '${path}' does not answer: its server seems to be stopped`,
      )
    }
    const answer = Buffer.alloc(64)
    const said = answer.toString('latin1', 0, Math.max(0, read(ours, answer, 0, answer.length)))
    // ECONNABORTED: after an abort, where the server had asked for that.
    return said === 'ENOTCONN' || said === 'ECONNABORTED'
  } finally {
    close(ours)
  }
}

function readableWithin(fd: number, timeoutMs: number): boolean {
  const polled = new PollSet(1)
  polled.set(0, fd, POLLIN)
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const leftMs = Math.max(0, Math.ceil(endMs - performance.now()))
    const ready = poll(polled, leftMs)
    // The end of a child is a signal.
    if (ready !== -errno.EINTR) return check(ready, 'poll') > 0
  }
}

// statfs always asks the server; stat may find its answer in the cache.
const probe = `try { fs.statfsSync(process.argv[1]); process.stdout.write('alive') }
catch (e) { process.stdout.write(e.code) }`
