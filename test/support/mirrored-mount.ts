// The whole of TFS for a test: a store, its mount, and a mirror that follows, run as a user would.

import { spawn, execFileSync, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Actor } from './actor.js'
import { at, num } from './request-words.js'
import { removeTree } from './remove-tree.js'
import { rsyncCompare } from './rsync-compare.js'

const bin = join(import.meta.dirname, '../../bin')

export type MountOptions = {
  journalArgs?: string[]
  mirrorArgs?: string[]
  /** Mount options beside allow_other. */
  mountOptions?: string
  /** All programs run as this user, who is the only one to use the mount. */
  user?: number
  /** The store is a file system of its own, of so many bytes and no more. */
  storeSize?: string
  /** Journal into the mirror's stdin directly, without tfs-broadcast. */
  direct?: boolean
  /** The journal may have so many descriptors and no more. */
  descriptors?: number
}

export type MirroredMount = {
  dir: string
  store: string
  mount: string
  mirror: string
  /** The broadcast's socket ('' when direct). */
  socket: string
  pids: { journal: number; broadcast?: number; mirror: number }
  /** Returns when the mirror has applied all that was done on the mount before. */
  settle: (timeoutMs?: number) => Promise<void>
  /** rsync's list of differences between store and mirror, below `sub`; waits a bounded time for
   * it to become empty, because a mirror is behind until it is not. */
  compare: (sub?: string) => Promise<string>
  /** What the programs have said on stderr so far. */
  logs: () => string
}

/** Any tap test: what of it is used here. */
type Test = {
  comment: (text: string) => unknown
  equal: (a: unknown, b: unknown, m: string) => unknown
}

type Program = { name: string; child: ChildProcess; log: string; ended: Promise<number | string> }

const startMs = 20_000
const endMs = 15_000

/** Mounts, mirrors, runs `body`, and takes all down again, whatever happened. A clean end, every
 * program leaving with 0 after the unmount, is part of the test. */
export async function withMirroredMount(
  t: Test,
  options: MountOptions,
  body: (m: MirroredMount) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tfs-mount-'))
  chmodSync(dir, 0o755)
  const programs: Program[] = []
  const mount = join(dir, 'mount')
  let helper: Actor | undefined
  try {
    const m = await start(dir, options, programs)
    helper = await actorOf(options.user)
    await body({ ...m, settle: settler(m, helper, programs), compare: comparer(m) })
    await helper.end()
    await takeDown(t, mount, programs)
  } catch (error) {
    t.comment(logs(programs))
    throw error
  } finally {
    await helper?.end()
    if (isMounted(mount)) unmount(mount, '-l')
    if (isMounted(join(dir, 'store'))) unmount(join(dir, 'store'), '-l')
    for (const { child } of programs) child.kill('SIGKILL')
    await Promise.all(programs.map((p) => within(5000, p.ended)))
    removeTree(dir)
  }
}

type Started = Omit<MirroredMount, 'settle' | 'compare'>

async function start(dir: string, options: MountOptions, programs: Program[]): Promise<Started> {
  const [store, mount, mirror] = ['store', 'mount', 'mirror'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [store, mount, mirror]) mkdirSync(path)
  if (options.storeSize !== undefined) mountMemory(store, options.storeSize)
  if (options.user !== undefined) {
    for (const path of [dir, store, mount, mirror]) chownSync(path, options.user, options.user)
  }
  const socket = options.direct === true ? '' : join(dir, 'socket')
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', [pipe])
  const mountOptions = options.user === undefined ? ['allow_other'] : ['rw']
  if (options.mountOptions) mountOptions.push(options.mountOptions)
  const journalArgs = [store, mount, '-o', mountOptions.join(','), ...(options.journalArgs ?? [])]
  const mirrorArgs = [...(options.mirrorArgs ?? []), socket || '-', mirror]
  const launch = (name: string, args: string[], redirect: string) => {
    const program = launched(dir, name, args, redirect, options)
    programs.push(program)
    return program.child.pid ?? 0
  }
  const journal = launch('tfs-journal', journalArgs, `</dev/null >${pipe}`)
  const pids: MirroredMount['pids'] = { journal, mirror: 0 }
  if (socket) {
    pids.broadcast = launch('tfs-broadcast', [socket], `<${pipe} >/dev/null`)
    await until('the socket', startMs, programs, () => existsSync(socket))
  }
  pids.mirror = launch(
    'tfs-mirror',
    mirrorArgs,
    socket ? '</dev/null >/dev/null' : `<${pipe} >/dev/null`,
  )
  await until('the mount', startMs, programs, () => isMounted(mount))
  // What is done before the mirror has joined would never reach it.
  await until('the mirror', startMs, programs, () => hasJoined(mirror))
  return { dir, store, mount, mirror, socket, pids, logs: () => logs(programs) }
}

/** The mirror's position, two slots of 4096 bytes by turns, has at byte 16 the epoch it follows. */
export function hasJoined(mirror: string): boolean {
  const file = join(mirror, '.tfs/position')
  if (!existsSync(file)) return false
  const slots = readFileSync(file)
  return [0, 4096].some((at) => slots.length >= at + 20 && slots.readUInt32LE(at + 16) !== 0)
}

/** The shell opens the pipe's ends and is replaced by the program, which keeps its process id.
 * Should the test be killed, its programs are told to end, which unmounts. */
function launched(
  dir: string,
  name: string,
  args: string[],
  redirect: string,
  { user, descriptors }: MountOptions,
): Program {
  const log = join(dir, `${name}.log`)
  const isLimited = descriptors !== undefined && name === 'tfs-journal'
  const limit = isLimited ? `ulimit -n ${descriptors}; ` : ''
  // tap puts NODE_OPTIONS into every child, to load what another user may not write for.
  const script = `${limit}unset NODE_OPTIONS; exec "$@"`
  const ids = user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, '--clear-groups']
  // Root would raise the limit again.
  if (isLimited) ids.push('--bounding-set=-sys_resource', '--inh-caps=-sys_resource')
  const program = [process.execPath, join(bin, `${name}.js`), ...args]
  const command = ['setpriv', ...ids, '--pdeathsig', 'TERM', ...program]
  const child = spawn('/bin/sh', ['-c', `${script} ${redirect} 2>${log}`, 'sh', ...command], {
    stdio: 'ignore',
  })
  const ended = new Promise<number | string>((resolve) => {
    child.on('exit', (code, signal) => resolve(signal ?? code ?? -1))
  })
  return { name, child, log, ended }
}

async function until(
  what: string,
  timeoutMs: number,
  programs: Program[],
  ready: () => boolean,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!ready()) {
    const gone = programs.find(({ child }) => child.exitCode !== null || child.signalCode !== null)
    if (gone) throw new Error(`${gone.name} has ended while ${what} was awaited\n${logs(programs)}`)
    if (performance.now() > deadline) {
      throw new Error(`${what} was not there within ${timeoutMs} ms\n${logs(programs)}`)
    }
    await pause(5)
  }
}

/** A directory made on the mount appears in the mirror after all that was done before it. */
function settler(m: Started, helper: Actor, programs: Program[]): MirroredMount['settle'] {
  let count = 0
  const call = async (words: string) => {
    const { value, errno } = await helper.request(words, 60_000)
    if (errno !== '') throw new Error(`${words}: ${errno}\n${m.logs()}`)
    return value
  }
  return async (timeoutMs = 60_000) => {
    const name = `.settle-${++count}`
    const isInMirror = () => existsSync(join(m.mirror, name))
    // Mapped memory reaches the journal when the kernel writes it back.
    const root = await call(`openat ${at(m.mount)} n0 n0`)
    await call(`syncfs ${num(root)}`)
    await call(`close ${num(root)}`)
    await call(`mkdirat ${at(join(m.mount, name))} n493`)
    await until('what was done last', timeoutMs, programs, isInMirror)
    await call(`unlinkat ${at(join(m.mount, name))} n512`)
    await until('what was removed last', timeoutMs, programs, () => !isInMirror())
  }
}

function comparer(m: Started): (sub?: string) => Promise<string> {
  return async (sub = '') => {
    const deadline = performance.now() + 10_000
    for (;;) {
      const found = await rsyncCompare(join(m.store, sub), join(m.mirror, sub))
      if (found === '' || performance.now() > deadline) return found
      await pause(200)
    }
  }
}

async function takeDown(t: Test, mount: string, programs: Program[]): Promise<void> {
  unmount(mount)
  for (const program of programs) {
    const end = await within(endMs, program.ended)
    t.equal(end, 0, `${program.name} leaves cleanly after the unmount`)
  }
}

export function unmount(mount: string, ...flags: string[]): void {
  execFileSync('umount', [...flags, mount], {
    timeout: 30_000,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

export function mountMemory(path: string, size: string): void {
  execFileSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${size},nr_inodes=2000,mode=755`,
    'tmpfs',
    path,
  ])
}

export async function actorOf(user: number | undefined): Promise<Actor> {
  const actor = new Actor()
  if (user === undefined) return actor
  await actor.request('setgroups n0 b', startMs)
  await actor.request(`setresgid n${user} n${user} n${user}`, startMs)
  await actor.request(`setresuid n${user} n${user} n${user}`, startMs)
  return actor
}

export function isMounted(path: string): boolean {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.some((line) => line.split(' ')[4] === path)
}

function logs(programs: Program[]): string {
  const text = programs.map(({ name, log }) => {
    return existsSync(log) ? `${name}: ${readFileSync(log, 'utf8').slice(-4000)}` : ''
  })
  return text.filter((line) => !/^[^ ]*: $/.test(line)).join('\n')
}

async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T | string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`still running after ${timeoutMs} ms`), timeoutMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
