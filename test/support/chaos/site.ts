// Everything that TFS has between a mount and three mirrors, each part under a supervisor:
//
//   journal --spool J --exec broadcast --spool J == SOCKET ==> mirror 1
//                                                   == ssh, tfs-cat ==> mirror 3
//                                                   == ssh, tfs-cat ==> tfs-cat | tfs-spool Q
//                                   Q --> broadcast --from Q == SOCKET2 ==> mirror 2

import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { check, close, pipe2 } from '#posix'
import { Spool } from '#spool'
import { isMounted } from '../journal-place.js'
import { hasJoined } from '../mirrored-mount.js'
import { AppliedOnce } from './applied-once.js'
import { descendant, descendants } from './descendants.js'
import { SourceRecord } from './source-record.js'
import { Supervised } from './supervised.js'
import { within } from './within.js'

const bin = (name: string) => join(import.meta.dirname, '../../../bin', `${name}.js`)
const standIn = join(import.meta.dirname, '../ssh-stand-in.js')
const startMs = 60_000
const endMs = 60_000

/** A program that can be killed, and the numbers of the mirrors that depend on it. */
export interface Part {
  readonly name: string
  /** Undefined while it is not there. */
  readonly pid: () => number | undefined
  readonly kill: (pid: number) => void
  readonly copies: readonly number[]
}

export class Site {
  readonly store: string
  readonly mount: string
  readonly mirrors: readonly string[]
  readonly copies: AppliedOnce[] = []
  readonly parts: Part[] = []
  readonly units: Supervised[] = []
  source!: SourceRecord
  journal!: ChildProcess
  /** What the journal and its heads have said. */
  said = ''
  readonly #dir: string
  readonly #spools: readonly [string, string]
  readonly #sockets: readonly [string, string]

  /** In `dir`, which is there. */
  constructor(dir: string) {
    this.#dir = dir
    this.store = join(dir, 'store')
    this.mount = join(dir, 'mount')
    this.mirrors = [1, 2, 3].map((number) => join(dir, `mirror-${number}`))
    this.#spools = [join(dir, 'J'), join(dir, 'Q')]
    this.#sockets = [join(dir, 'socket'), join(dir, 'socket-2')]
    for (const path of [this.store, this.mount, ...this.mirrors, ...this.#spools]) mkdirSync(path)
  }

  /** Starts all of it; when it settles each mirror has joined, and nothing was done as yet. */
  async start(): Promise<void> {
    const [j, q] = this.#spools
    const [socket, socket2] = this.#sockets
    this.#startJournal(j, socket)
    await within(startMs, 'the mount', () => isMounted(this.mount) && existsSync(socket))
    this.source = new SourceRecord(j)
    this.parts.push(this.#offspring('tfs-broadcast', () => this.journal.pid, [0, 1, 2]))
    this.#startPipeline(socket, q)
    await within(startMs, 'the second spool', () => positionIn(q) !== undefined)
    this.#supervise('tfs-broadcast --from', [1], () => [
      this.#run('tfs-broadcast', '--from', q, socket2),
    ])
    await within(startMs, 'the second socket', () => existsSync(socket2))
    this.#startMirror(0, [], socket)
    this.#startMirror(1, [], socket2)
    this.#startMirror(2, this.#overThere, `host:${socket}`)
    this.#there(2, this.units.at(-1)!)
    await within(startMs, 'the mirrors', () => this.mirrors.every(hasJoined))
  }

  /** Ends it in order: the load has ended, and no part is missing. What did not end well. */
  async end(): Promise<string[]> {
    const journal = once(this.journal)
    this.journal.kill('SIGTERM')
    const faults: string[] = []
    const end = await withinMs(endMs, journal)
    if (end !== 'SIGTERM') faults.push(`tfs-journal ended with ${end}`)
    const last = this.source.read()
    await within(endMs, 'the end of the stream', () =>
      this.copies.every(({ record }) => record.seq === last),
    )
    const [pipeline, ...others] = this.units
    const ends = [await withinMs(endMs, pipeline!.end('SIGTERM'))]
    for (const unit of others) ends.push(await withinMs(endMs, unit.end('SIGTERM')))
    const wanted = [['SIGTERM', 0], ...others.map(() => ['SIGTERM'])]
    for (const [i, found] of ends.entries())
      if (String(found) !== String(wanted[i]))
        faults.push(`${this.units[i]!.name} ended with ${String(found)}`)
    return [...faults, ...this.units.flatMap((unit) => unit.faults)]
  }

  /** Leaves nothing behind. */
  close(): void {
    this.source?.close()
    const roots = [this.journal, ...this.units.flatMap(({ children }) => children)]
    const all = roots.flatMap((child) => (child?.pid ? descendants(child.pid) : []))
    for (const unit of this.units) unit.close()
    this.journal?.kill('SIGKILL')
    for (const pid of all) kill(pid)
    if (isMounted(this.mount)) spawnSync('umount', ['-l', this.mount], { timeout: endMs })
  }

  #startJournal(spool: string, socket: string): void {
    const head = [process.execPath, bin('tfs-broadcast'), '--spool', spool, socket]
    const exec = `exec ${head.map((word) => `'${word}'`).join(' ')}`
    const args = ['-o', 'allow_other,suid,dev', '--spool', spool, '--segment-size', '8M']
    this.journal = this.#run('tfs-journal', ...args, '--exec', exec, this.store, this.mount)
    this.journal.stdout!.resume()
    this.journal.stderr!.setEncoding('utf8').on('data', (text: string) => (this.said += text))
  }

  #startPipeline(socket: string, q: string): void {
    const unit = new Supervised({
      name: 'tfs-cat | tfs-spool',
      launch: () => this.#pipeline(socket, q),
    })
    this.units.push(unit)
    for (const [index, name] of ['tfs-cat', 'tfs-spool'].entries())
      this.#part(name, unit, index, [1])
    this.#there(1, unit)
  }

  // A supervisor who looks where the spool ends.
  #pipeline(socket: string, q: string): ChildProcess[] {
    const pipe: [number, number] = [-1, -1]
    check(pipe2(pipe), 'pipe2', 'a pipeline')
    const at = positionIn(q)
    const from = at ? `${at.epoch}:${at.seq}` : 'oldest'
    const args = [...this.#overThere, '--from', from, `host:${socket}`]
    const children = [
      this.#runWith(['ignore', pipe[1], 'pipe'], 'tfs-cat', ...args),
      this.#runWith([pipe[0], 'ignore', 'pipe'], 'tfs-spool', '--segment-size', '8M', q),
    ]
    for (const fd of pipe) close(fd)
    return children
  }

  #startMirror(index: number, over: readonly string[], source: string): void {
    const root = this.mirrors[index]!
    const copy = new AppliedOnce(root, this.source)
    this.copies.push(copy)
    let taken: Promise<void> = Promise.resolve()
    const launch = () => {
      copy.begin()
      const child = this.#run(
        'tfs-mirror',
        '--follow',
        '--tee',
        '--sync',
        '2',
        ...over,
        source,
        root,
      )
      const out = child.stdout!.on('data', (piece: Buffer) => copy.take(piece))
      taken = new Promise((resolve) => out.on('close', resolve))
      return [child]
    }
    const ended = () => taken.then(() => copy.end())
    this.#supervise(`mirror ${index + 1}`, [index], launch, ended)
  }

  #supervise(
    name: string,
    copies: number[],
    launch: () => ChildProcess[],
    ended?: () => Promise<void>,
  ): void {
    const unit = new Supervised({ name, launch, ended })
    this.units.push(unit)
    this.#part(name, unit, 0, copies)
  }

  #part(name: string, unit: Supervised, index: number, copies: number[]): void {
    this.parts.push({ name, pid: () => unit.pid(index), kill: () => unit.kill(index), copies })
  }

  // The remote shell that the first of `unit` uses, and what runs behind that.
  #there(copy: number, unit: Supervised): void {
    const shell = this.#offspring('ssh-stand-in', () => unit.pid(), [copy])
    this.parts.push(shell, this.#offspring('tfs-cat', shell.pid, [copy], 'tfs-cat behind ssh'))
  }

  #offspring(
    program: string,
    parent: () => number | undefined,
    copies: number[],
    name = program,
  ): Part {
    return { name, pid: () => descendant(parent(), program), kill, copies }
  }

  get #overThere(): string[] {
    const { execPath } = process
    return ['-e', `${execPath} ${standIn}`, '--tfs-path', `${execPath} ${bin('tfs-cat')}`]
  }

  #run(name: string, ...args: string[]): ChildProcess {
    return this.#runWith(['ignore', 'pipe', 'pipe'], name, ...args)
  }

  // Should the test be killed, they are told to end.
  #runWith(stdio: StdioOptions, name: string, ...args: string[]): ChildProcess {
    const command = ['--pdeathsig', 'TERM', process.execPath, bin(name), ...args]
    return spawn('setpriv', command, { stdio, cwd: this.#dir })
  }
}

/** Where a spool ends; undefined while it is empty. */
function positionIn(path: string) {
  const spool = new Spool(path)
  try {
    const newest = spool.newest()
    return newest.epoch === 0 ? undefined : newest
  } finally {
    spool.close()
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

const once = (child: ChildProcess) =>
  new Promise<number | string | null>((resolve) =>
    child.on('exit', (code, signal) => resolve(signal ?? code)),
  )

async function withinMs<T>(limitMs: number, promise: Promise<T>): Promise<T | string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`nothing within ${limitMs} ms`), limitMs)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
