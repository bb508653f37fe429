// Mounting as an ordinary user: fusermount3(1), which is set-user-ID root, opens the device, mounts
// it, and hands its descriptor back through a socket named by _FUSE_COMMFD.

import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { check, close, errno, pipe2, read, recvmsg, SOCK_STREAM, socketpair } from '#posix'
import { MountError } from './mount-error.js'

const timeoutMs = 30_000

/**
 * Mounts on `mountpoint` with options as fusermount3 takes them. Returns the device's descriptor;
 * with auto_unmount among the options, `keep` is the socket whose end makes fusermount3 unmount.
 */
export function fusermountMount(
  mountpoint: string,
  options: readonly string[],
  autoUnmount: boolean,
): { fd: number; keep: number | undefined } {
  const program = findFusermount()
  const socket: [number, number] = [-1, -1]
  const errors: [number, number] = [-1, -1]
  check(socketpair(SOCK_STREAM, socket), 'socketpair')
  check(pipe2(errors), 'pipe2')
  const [ours, theirs] = socket
  const list = options.map((option) => option.replace(/[\\,]/gu, '\\$&')).join(',')
  const child = spawn(program, ['-o', list, '--', mountpoint], {
    // Descriptor 3 in the child.
    stdio: ['ignore', 'ignore', errors[1], theirs],
    env: { ...process.env, _FUSE_COMMFD: '3', LC_ALL: 'C' },
  })
  child.on('error', () => {}) // Seen as the end of the socket, below.
  child.unref()
  close(theirs)
  close(errors[1])
  const fds: number[] = []
  const got = recvmsg(ours, Buffer.alloc(1), 0, 1, fds)
  const fd = fds[0]
  if (got > 0 && fd !== undefined) {
    close(errors[0])
    if (!autoUnmount) close(ours)
    return { fd, keep: autoUnmount ? ours : undefined }
  }
  close(ours)
  const said = drain(errors[0])
  close(errors[0])
  throw refusal(mountpoint, said)
}

/** Unmounts what this user mounted. Throws MountError; EBUSY where it is in use. */
export function fusermountUnmount(mountpoint: string, lazy: boolean): void {
  const args = ['-u', ...(lazy ? ['-z'] : []), '--', mountpoint]
  const { status, stderr, error } = spawnSync(findFusermount(), args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
    timeout: timeoutMs,
  })
  if (status === 0) return
  const said = stderr?.toString().trim() || (error?.message ?? `status ${status}`)
  if (/not found in|not mounted|Invalid argument/u.test(said)) return
  const code = /busy/iu.test(said) ? 'EBUSY' : 'EPERM'
  throw new MountError(code, `cannot unmount '${mountpoint}': ${said}`)
}

function drain(fd: number): string {
  const buffer = Buffer.alloc(4096)
  let length = 0
  while (length < buffer.length) {
    const n = read(fd, buffer, length, buffer.length - length)
    if (n <= 0) break
    length += n
  }
  return buffer.toString('utf8', 0, length).trim()
}

function refusal(mountpoint: string, said: string): MountError {
  const hints: readonly (readonly [RegExp, string, string])[] = [
    [/user_allow_other/u, 'EPERM', "add the line 'user_allow_other' to /etc/fuse.conf"],
    [/open \/dev\/fuse: Permission denied/u, 'EACCES', "let users in: 'chmod 666 /dev/fuse'"],
    [/device not found|No such device/u, 'ENODEV', noDeviceHint],
    [/Operation not permitted/u, 'EPERM', noDeviceHint],
    [/Permission denied|not owner/u, 'EACCES', 'the mount point must be yours and writable'],
  ]
  const hint = hints.find(([pattern]) => pattern.test(said))
  const more = hint === undefined ? '' : ` (${hint[2]})`
  const what = said === '' ? 'fusermount3 ended without a word' : said
  return new MountError(hint?.[1] ?? 'EPERM', `cannot mount on '${mountpoint}': ${what}${more}`)
}

export const noDeviceHint =
  "load the module with 'modprobe fuse'; a container needs --device /dev/fuse --cap-add SYS_ADMIN"

function findFusermount(): string {
  for (const name of ['fusermount3', 'fusermount']) {
    for (const directory of (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter)) {
      const path = join(directory, name)
      try {
        accessSync(path, constants.X_OK)
        return path
      } catch {
        continue
      }
    }
  }
  throw new MountError('ENOENT', "no fusermount3: 'apt install fuse3', or mount as root")
}

export const isNoDevice = (e: number): boolean =>
  e === -errno.ENOENT || e === -errno.ENODEV || e === -errno.ENXIO
