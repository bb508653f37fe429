// What the tests need of the machine, and how to get it. As root what is missing is installed.

import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'

/** A Debian package: a command or file that shows that it is there, and what for. */
export type Package = readonly [name: string, shownBy: string, why: string]

const forTests: readonly Package[] = [
  ['fuse3', 'fusermount3', 'mounts as an ordinary user'],
  ['rsync', 'rsync', 'compares trees'],
  ['attr', 'setfattr', 'extended attributes'],
  ['acl', 'setfacl', 'POSIX ACLs'],
  ['libcap2-bin', 'setcap', 'file capabilities'],
  ['e2fsprogs', 'mkfs.ext4', 'small disks'],
  ['util-linux', 'setpriv', 'programs as an ordinary user'],
  ['procps', 'ps', 'processes'],
  ['git', 'git', 'a workload, and the peer of many'],
  ['sqlite3', 'sqlite3', 'a database under transactions'],
  ['socat', 'socat', 'a client of the socket'],
  ['netcat-openbsd', 'nc', 'a client of the socket'],
  ['openssh-client', 'ssh', 'carries a stream'],
  ['openssh-server', '/usr/sbin/sshd', 'carries a stream'],
  ['iproute2', 'ip', 'hosts of its own for a stream'],
  ['nftables', 'nft', 'loses packets between them'],
  ['shellcheck', 'shellcheck', 'the example scripts'],
  ['gcc', 'gcc', 'test programs in C'],
  ['libc6-dev', '/usr/include/stdio.h', 'test programs in C'],
  ['make', 'make', 'a build as a workload'],
  ['postgresql', '/usr/lib/postgresql', 'a database on the mount'],
  ['stress-ng', 'stress-ng', "the kernel's own stressors"],
]

export interface Problem {
  readonly what: string
  readonly cure: string
}

/** Installs what is missing where it may; what then is still missing. */
export function requirements(packages: readonly Package[] = forTests): Problem[] {
  const missing = packages.filter(([, shownBy]) => !isThere(shownBy)).map(([name]) => name)
  if (missing.length > 0 && process.getuid?.() === 0) install(missing)
  const still = packages.filter(([, shownBy]) => !isThere(shownBy))
  const problems = still.map(([name, shownBy, why]) => ({
    what: `${shownBy} is missing (${why})`,
    cure: `apt-get install ${name}`,
  }))
  return [...problems, ...mounting(), ...(still.length > 0 ? [] : networks())]
}

// An ordinary user makes none.
function networks(): Problem[] {
  if (process.getuid?.() !== 0) return []
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  const table = ['--net', 'nft', 'add', 'table', 'inet', 'probe']
  const { status, stderr } = spawnSync('unshare', table, { env, encoding: 'utf8' })
  if (status === 0) return []
  const what = `network namespaces with packet filters cannot be made: ${stderr.trim()}`
  return [{ what, cure: 'modprobe nf_tables; in a container: --cap-add SYS_ADMIN,NET_ADMIN' }]
}

function isThere(shownBy: string): boolean {
  if (shownBy.startsWith('/')) return existsSync(shownBy)
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
  return path.split(':').some((directory) => existsSync(`${directory}/${shownBy}`))
}

function install(names: readonly string[]): void {
  console.log(`installing ${names.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = { env, stdio: ['ignore', 'ignore', 'inherit'] as const, timeout: 600_000 }
  const run = (...args: string[]) =>
    spawnSync('apt-get', args, { ...options, stdio: [...options.stdio] })
  run('update', '-qq')
  run('install', '-y', '-qq', '--no-install-recommends', ...names)
}

function mounting(): Problem[] {
  const cure = 'modprobe fuse; in a container: --device /dev/fuse --cap-add SYS_ADMIN'
  if (!existsSync('/dev/fuse') || !statSync('/dev/fuse').isCharacterDevice())
    return [{ what: 'there is no /dev/fuse', cure }]
  if (process.getuid?.() === 0)
    return hasSysAdmin() ? [] : [{ what: 'mounting is not allowed', cure }]
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
    return []
  } catch {
    return [{ what: '/dev/fuse may not be opened', cure: 'chmod 666 /dev/fuse, or run as root' }]
  }
}

// Bit 21 of the effective capabilities is CAP_SYS_ADMIN (capabilities(7)).
function hasSysAdmin(): boolean {
  const status = execFileSync('cat', ['/proc/self/status'], { encoding: 'latin1' })
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  return (BigInt(`0x${effective}`) >> 21n) % 2n === 1n
}
