// An sshd of a test's own, with keys, settings and a port of its own; and how to reach it.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { start } from './broadcast-process.js'
import type { Host } from './lossy-link.js'

const port = 2222
const timeout = 30_000

/** What ssh reads where it is to reach the server as the host `source`. */
export interface SshServer {
  readonly config: string
}

/** Starts it on `host`; its files are in `dir`. */
export async function startSshServer(
  t: { teardown(end: () => void): void },
  dir: string,
  host: Host,
  timeoutMs: number,
): Promise<SshServer> {
  const at = (name: string) => join(dir, name)
  // Where sshd locks itself in, as root.
  mkdirSync('/run/sshd', { recursive: true })
  for (const key of ['host-key', 'user-key'])
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)], { timeout })
  const hostKey = readFileSync(at('host-key.pub'), 'utf8')
  writeFileSync(at('known-hosts'), `[${host.address}]:${port} ${hostKey}`)
  writeFileSync(at('sshd-config'), serverSettings(dir, host))
  writeFileSync(at('ssh-config'), clientSettings(dir, host))
  const words = [...host.enter, '/usr/sbin/sshd', '-D', '-e', '-f', at('sshd-config')]
  const server = start(t, 'setpriv', ['--pdeathsig', 'KILL', ...words], { timeoutMs })
  await server.said(/Server listening/)
  return { config: at('ssh-config') }
}

// Its keep-alive ends what is left of a connection over there long after a cut is over: whoever is
// to notice the cut here has to do so without ssh.
const serverSettings = (dir: string, { address }: Host) => `
ListenAddress ${address}:${port}
HostKey ${dir}/host-key
AuthorizedKeysFile ${dir}/user-key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
ClientAliveInterval 60
`

const clientSettings = (dir: string, { address }: Host) => `
Host source
  HostName ${address}
  Port ${port}
  User root
  IdentityFile ${dir}/user-key
  IdentitiesOnly yes
  UserKnownHostsFile ${dir}/known-hosts
  BatchMode yes
  ServerAliveInterval 0
`
