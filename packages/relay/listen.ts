// Has a Unix socket of its own: never takes one that lives, replaces one whose server died, and
// lets nobody connect whom the mode does not allow, not for a moment.

import {
  chmodSync,
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  unlinkSync,
  type Stats,
} from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { AT_EMPTY_PATH, AT_FDCWD, check, escapeName, fchownat, geteuid, noName } from '#posix'
import { O_NOFOLLOW, O_PATH, RENAME_NOREPLACE, renameat2, umask } from '#posix'
import { SocketLock } from './socket-lock.js'
import { SocketRefused } from './socket-refused.js'

/** sun_path has 108 bytes with the NUL; Node cuts what is longer without a word. */
const socketPathSizeMax = 107
/** Connections that wait to be accepted. */
const waitingMax = 511
const probeMs = 5000

export interface ListenOptions {
  readonly path: string
  /** Permission bits of the socket: who may write to it may connect. */
  readonly mode: number
  /** The group it gets, by number. */
  readonly gid?: number | undefined
}

/** A socket that listens already, made by who started this (sd_listen_fds(3)). */
export interface PassedSocket {
  readonly fd: number
}

export interface Listener {
  /** Accepts nobody any more; the path is free again. May be called twice. */
  close(): void
}

/**
 * Gives each connection to `join`; `failed` gets errors of accepting. Throws SocketRefused, and
 * Node's errors.
 */
export async function listen(
  options: ListenOptions,
  join: (socket: Socket) => void,
  failed: (error: Error) => void,
): Promise<Listener> {
  const { path } = options
  const shown = escapeName(path)
  const size = Buffer.byteLength(path)
  if (size > socketPathSizeMax)
    throw new SocketRefused(
      'ESOCKET_LONG',
      `${shown}: a socket's path can have ${socketPathSizeMax} bytes, this one has ${size}`,
    )
  const lock = await SocketLock.acquire(path)
  try {
    await removeStale(path, shown)
    const { server, own } = await bound(options, join)
    server.on('error', failed)
    return listener(server, path, own, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

/** The same for a socket that others have made: its path is theirs. */
export async function listenOn(
  { fd }: PassedSocket,
  join: (socket: Socket) => void,
  failed: (error: Error) => void,
): Promise<Listener> {
  const server = createServer({ allowHalfOpen: true }, join)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).once('listening', resolve).listen({ fd })
  })
  server.on('error', failed)
  return { close: () => void server.close() }
}

/**
 * Binds under another name, so that what appears under `path` listens already and has its mode and
 * group; then the name is free for the next. `own` is what it is known by.
 */
async function bound(
  options: ListenOptions,
  join: (socket: Socket) => void,
): Promise<{ server: Server; own: Stats }> {
  const { path } = options
  const directory = openSync(dirname(path), O_PATH)
  const server = createServer({ allowHalfOpen: true }, join)
  const name = newName(path, directory)
  try {
    // The lock is held, so that one that is there was left by a process that died here.
    if (lstatSync(name, { throwIfNoEntry: false })) await removeStale(name, escapeName(name))
    await bind(server, name)
    const own = permit(name, options)
    const [from, to] = [Buffer.from(name), Buffer.from(path)]
    check(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE), 'rename', path)
    return { server, own }
  } catch (error) {
    // This unlinks the name as well.
    server.close()
    throw error
  } finally {
    closeSync(directory)
  }
}

/**
 * Gives the socket `name` its group and mode, and tells what it is known by. Whoever may write to
 * the directory may have put something else there since: that stays as it is.
 */
function permit(name: string, { path, mode, gid }: ListenOptions): Stats {
  const fd = openSync(name, O_PATH | O_NOFOLLOW)
  try {
    const own = fstatSync(fd)
    if (!own.isSocket() || own.uid !== geteuid())
      throw new SocketRefused('ESOCKET_OWNER', `${escapeName(path)}: somebody else interferes`)
    if (gid !== undefined)
      check(fchownat(fd, noName, -1, gid, AT_EMPTY_PATH), `giving it to group ${gid}`, path)
    chmodSync(`/proc/self/fd/${fd}`, mode)
    return own
  } finally {
    closeSync(fd)
  }
}

/** A name beside `path`, short enough in any case, that belongs to who has its lock. */
function newName(path: string, directory: number): string {
  const name = `${path}.new`
  const fits = Buffer.byteLength(name) <= socketPathSizeMax
  return fits ? name : `/proc/self/fd/${directory}/.tfs-${crc32(basename(path)).toString(16)}.new`
}

const bind = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject).once('listening', resolve)
    // Binding is done within the call, so nothing else is created with this mask.
    const before = umask(0o177)
    try {
      server.listen({ path, backlog: waitingMax })
    } finally {
      umask(before)
    }
  })

function listener(server: Server, path: string, own: Stats, lock: SocketLock): Listener {
  let open = true
  return {
    close() {
      if (!open) return
      open = false
      const now = lstatSync(path, { throwIfNoEntry: false })
      if (now?.ino === own.ino && now.dev === own.dev) unlinkSync(path)
      // Node unlinks the name that it bound, where nothing is by now.
      server.close()
      lock.release()
    },
  }
}

/** The lock is held: what is left to rule out is a server that knows nothing of it. */
async function removeStale(path: string, shown: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket())
    throw new SocketRefused('ESOCKET_KIND', `${shown}: is there already, and is no socket`)
  if (stat.uid !== geteuid())
    throw new SocketRefused('ESOCKET_OWNER', `${shown}: belongs to user ${stat.uid}`)
  const error = await probe(path)
  if (error?.code !== 'ECONNREFUSED') {
    const why = error
      ? `may be served still (${error.message})`
      : 'is being served by another program'
    throw new SocketRefused('ESOCKET_LIVE', `${shown}: ${why}`, { cause: error })
  }
  const now = lstatSync(path)
  if (now.ino === stat.ino && now.dev === stat.dev) unlinkSync(path)
}

/** Connects and leaves; the error of it, if there was one. */
async function probe(path: string): Promise<NodeJS.ErrnoException | undefined> {
  const socket = connect(path)
  socket.setTimeout(probeMs, () => socket.destroy(new Error(`no answer in ${probeMs} ms`)))
  return new Promise((resolve) => {
    socket.on('connect', () => resolve(undefined)).on('error', resolve)
  }).finally(() => socket.destroy()) as Promise<NodeJS.ErrnoException | undefined>
}
