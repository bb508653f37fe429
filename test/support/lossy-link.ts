// Two hosts and the wire between them: network namespaces joined by a veth pair that loses packets
// in both directions, and can be cut. Processes that die with the test hold them, and the kernel
// removes them, and the wire, with the last process within.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { until } from './journal-place.js'

export interface Host {
  readonly address: string
  /** A command and its arguments before those that are to run there. */
  readonly enter: readonly string[]
}

/** Packets that have come to either host. */
export interface Packets {
  readonly all: number
  readonly lost: number
  /** Of all of them. */
  readonly bytes: number
}

const wire = 'wire'
const timeout = 30_000

export class LossyLink {
  readonly near: Host
  readonly far: Host
  readonly #holders: readonly ChildProcess[]

  private constructor(holders: readonly [ChildProcess, ChildProcess]) {
    this.#holders = holders
    const host = ({ pid }: ChildProcess, n: number): Host => ({
      address: `10.99.0.${n}`,
      enter: ['nsenter', `--net=${namespaceOf(pid!)}`],
    })
    this.near = host(holders[0], 1)
    this.far = host(holders[1], 2)
  }

  /** Of 100 packets `percent` are lost, each by chance. Needs root. */
  static async make(t: { teardown(end: () => void): void }, percent: number): Promise<LossyLink> {
    const link = new LossyLink([hold(), hold()])
    t.teardown(() => link.#remove())
    const own = readlinkSync('/proc/self/ns/net')
    for (const { pid } of link.#holders)
      await until('a network namespace', () => readlinkSync(namespaceOf(pid!)) !== own)
    const [near, far] = link.#holders.map(({ pid }) => `${pid}`)
    run(`ip link add ${wire} netns ${near} type veth peer name ${wire} netns ${far}`)
    for (const host of [link.near, link.far]) {
      runAt(host, `ip addr add ${host.address}/24 dev ${wire}`)
      runAt(host, `ip link set lo up`)
      runAt(host, `ip link set ${wire} up`)
      runAt(host, 'nft -f -', rules(percent))
    }
    return link
  }

  /** Nothing comes through any more: the end of the wire at `host` is down. */
  cut(host: Host): void {
    runAt(host, `ip link set ${wire} down`)
  }

  mend(host: Host): void {
    runAt(host, `ip link set ${wire} up`)
  }

  packets(): Packets {
    const text = [this.near, this.far].map((host) => runAt(host, 'nft list ruleset')).join('')
    const count = (line: RegExp) =>
      [...text.matchAll(line)].reduce((sum, [, number]) => sum + Number(number), 0)
    return {
      all: count(/"wire" counter packets (\d+)/g),
      lost: count(/counter packets (\d+) bytes \d+ drop/g),
      bytes: count(/"wire" counter packets \d+ bytes (\d+)/g),
    }
  }

  #remove(): void {
    const spaces = this.#holders.map(({ pid }) => namespace(`${pid}`))
    const within = readdirSync('/proc').filter(
      (name) => /^\d+$/.test(name) && spaces.some((space) => space && space === namespace(name)),
    )
    for (const pid of within) spawnSync('kill', ['-KILL', pid], { timeout })
    for (const holder of this.#holders) holder.kill('SIGKILL')
  }
}

const namespaceOf = (pid: number) => `/proc/${pid}/ns/net`

function namespace(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return undefined // It has ended.
  }
}

const hold = () =>
  spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sleep', 'infinity'], {
    stdio: 'ignore',
  })

const rules = (percent: number) => `
table inet loss {
  chain input {
    type filter hook input priority 0
    iifname "${wire}" counter
    iifname "${wire}" numgen random mod 100 < ${percent} counter drop
  }
}
`

const runAt = ({ enter }: Host, command: string, input = '') =>
  run([...enter, command].join(' '), input)

function run(words: string, input = ''): string {
  const [command = '', ...args] = words.split(' ')
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  const done = spawnSync(command, args, { timeout, encoding: 'utf8', input, env })
  if (done.status === 0) return done.stdout
  throw new Error(`${words}: ${done.error?.message ?? done.stderr}`)
}
