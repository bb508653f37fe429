// What systemd and its like agree on with a service: a socket that is passed in, and when it is
// ready (sd_listen_fds(3), sd_notify(3)).

import { fcntl, F_SETFD, FD_CLOEXEC, sendDatagram, systemError } from '#posix'
import type { Log } from './log.js'
import { UsageError } from './usage-error.js'

/** The first descriptor that is passed. */
const firstPassed = 3

/** The descriptor of the socket that was passed to this process. Throws UsageError for several. */
export function passedSocket(): number | undefined {
  const { LISTEN_PID, LISTEN_FDS } = process.env
  // Who is started by this process is not meant.
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name]
  if (LISTEN_PID !== String(process.pid) || LISTEN_FDS === undefined) return undefined
  if (LISTEN_FDS !== '1') throw new UsageError(`${LISTEN_FDS} sockets were passed, and not one`)
  fcntl(firstPassed, F_SETFD, FD_CLOEXEC)
  return firstPassed
}

/** Tells the service manager, if there is one, that this service is ready. */
export function notifyReady(log: Log): void {
  const path = process.env['NOTIFY_SOCKET']
  delete process.env['NOTIFY_SOCKET']
  if (!path) return
  const name = Buffer.from(path)
  if (name[0] === '@'.charCodeAt(0)) name[0] = 0
  const done = sendDatagram(name, Buffer.from('READY=1'))
  if (done < 0) log(path, systemError(done, 'sendto').message)
}
