// Operations aimed at an assertion: in a model of a source and of a copy, all of a small tree's
// operations at all moments of the walk, one and two of them, from several beginnings of the copy.
// The copy equals the source when all is stated.

import t from 'tap'
import { S_IFDIR, S_IFREG } from '#posix'
import { renameFlag, type Body } from '#wire'
import { LinkGroups } from '../../packages/journal/link-groups.js'
import type { Listing } from '../../packages/journal/listing.js'
import { Pending, type Progress } from '../../packages/journal/pending.js'
import { follow, nameFor } from '../../packages/journal/walk-follow.js'
import { isDirectory, ModelTree, newFile, type ModelDirectory } from '../support/model-tree.js'
import { seeded } from '../support/seed.js'

t.setTimeout(300_000)
const isLong = process.env['TFS_LONG'] !== undefined
const bytes = (path: string) => Buffer.from(path, 'latin1')
const times = { dirMtimeSec: 0, dirMtimeNsec: 0, newDirMtimeSec: 0, newDirMtimeNsec: 0 }

type Operation =
  | { readonly name: 'rename'; readonly body: Body<'rename'> }
  | { readonly name: 'link'; readonly body: Body<'link'> }
  | { readonly name: 'unlink'; readonly body: Body<'unlink'> }
  | { readonly name: 'write'; readonly path: Buffer; readonly cell: 0 | 1 }

/** Room for two names of one or two letters. */
const listSize = 2 * 4
const hashOf = (name: string) => (name.charCodeAt(0) * 7 + name.length * 5) % 11

/** a/x, a/y linked as b/z, b/c/w, and a file at the top. */
function sourceTree(): ModelTree {
  const tree = new ModelTree()
  for (const path of ['a/x', 'a/y', 'b/c/w', 'v']) tree.set(bytes(path), newFile(path, path))
  tree.set(bytes('b/z'), tree.at(bytes('a/y')))
  return tree
}

const beginnings: Record<string, (copy: ModelTree) => void> = {
  nothing: () => undefined,
  'other links': (copy) => {
    copy.root.set('a', new Map([['x', newFile('old', 'old')]]))
    for (const path of ['b/z', 'v', 'extra']) copy.set(bytes(path), copy.at(bytes('a/x')))
  },
  'files for directories': (copy) => {
    for (const path of ['a', 'b/c', 'v/x', 'b/z/deep'])
      if (!copy.at(bytes(path))) copy.set(bytes(path), newFile('odd', 'odd'))
  },
  'the same': (copy) => {
    for (const [name, node] of sourceTree().root) copy.root.set(name, node)
  },
}

/** An assertion of all of `source`, and the copy that goes by it. */
class Walk {
  readonly #pending: Pending
  readonly #links: LinkGroups
  #read: { readonly listing: Listing; readonly names: string[] } | undefined
  readonly #isRight = (path: Buffer) => !this.#pending.covers(path)
  readonly #isBest: boolean
  readonly #followed: Parameters<typeof follow>[0]

  readonly source: ModelTree
  readonly copy: ModelTree

  /** `isBest`: operations are said by the name that has the least stated again. */
  constructor(source: ModelTree, copy: ModelTree, isBest: boolean) {
    this.#isBest = isBest
    this.source = source
    this.copy = copy
    const inodeAt = (path: Buffer) => {
      const node = source.at(path)
      return node && (isDirectory(node) ? 'directory' : node.key)
    }
    this.#pending = new Pending(bytes(''), (path) => {
      const node = source.at(path)
      return node === undefined ? 0 : isDirectory(node) ? S_IFDIR : S_IFREG
    })
    this.#links = new LinkGroups(inodeAt)
    this.#followed = { pending: this.#pending, links: this.#links, isRight: this.#isRight }
  }

  /** One statement. False: all is stated. */
  step(): boolean {
    const next = this.#pending.next()
    if (!next) return false
    const { path, progress, listing } = next
    const node = this.source.at(path)
    if (!node) {
      this.#pending.done(path)
      if (path.length > 0) this.copy.set(path, undefined)
    } else if (isDirectory(node)) this.#directory(path, node, listing)
    else this.#file(path, progress)
    return true
  }

  // Two names in each list, and one of them read at a step, in an order of the system's own.
  #directory(path: Buffer, node: ModelDirectory, found: Listing | undefined): void {
    const listing = found ?? this.#pending.list(path)
    if (listing !== this.#read?.listing && !listing.isRead) {
      if (found) return this.#directory(path, node, undefined)
      const names = [...node.keys()].toSorted((a, b) => (hashOf(a) < hashOf(b) ? -1 : 1))
      this.#read = { listing, names }
    }
    if (!listing.isRead) {
      const name = this.#read!.names.shift()
      if (name === undefined) listing.readAll()
      // As of an old copy of the directory, also what is gone by now.
      else listing.read(name, S_IFREG)
      return
    }
    const after = listing.upto.toString('latin1')
    const { names, isLast } = listing.take(listSize)
    const said = new Set(names.map(({ name }) => name.toString('latin1')))
    const upto = listing.upto.toString('latin1')
    let here = this.copy.at(path)
    if (!isDirectory(here)) this.copy.set(path, (here = new Map()))
    for (const name of here.keys())
      if (!said.has(name) && name > after && (isLast || name <= upto)) here.delete(name)
    this.#pending.listed(
      path,
      names.map(({ name }) => name),
      isLast,
    )
  }

  #file(path: Buffer, progress: Progress | undefined): void {
    const { source, copy } = this
    const file = source.at(path)
    if (!file || isDirectory(file)) throw new Error('not a file')
    const isLinked = source.linksOf(file) > 1
    const linkOf = isLinked ? this.#links.nameOf(file.key, this.#isRight) : undefined
    if (linkOf) copy.set(path, copy.at(linkOf))
    else if (!progress) {
      // FOLLOWS: a file of its own, with what it has.
      const here = copy.at(path)
      const cells: [string, string] = here && !isDirectory(here) ? here.cells : ['', '']
      if (!here || isDirectory(here) || copy.linksOf(here) > 1) copy.set(path, newFile(...cells))
      if (isLinked) this.#links.add(file.key, path)
      return this.#pending.goOn(path, { stated: 0, end: 2 })
    } else if (progress.stated < progress.end) {
      const { stated, end } = progress
      copy.write(path, stated as 0 | 1, file.cells[stated as 0 | 1])
      return this.#pending.goOn(path, { stated: stated + 1, end })
    }
    this.#pending.done(path)
    if (isLinked) this.#links.add(file.key, path)
  }

  /** An operation on the source, sent to the copy, if the source does it. */
  operate(operation: Operation, value: string, follows: boolean): void {
    if (!isPossible(this.source, operation)) return
    const said = follows ? this.#said(operation) : operation
    apply(this.source, operation, value)
    apply(this.copy, said, value, true)
    if (!follows) return
    if (said.name === 'write') {
      const body = { path: said.path, offset: said.cell, data: bytes(value) }
      follow(this.#followed, 'write', body)
    } else follow(this.#followed, said.name, said.body as never)
  }

  // As the stream says it: of a file with several names, by the one that is best.
  #said(operation: Operation): Operation {
    if (operation.name !== 'write' && operation.name !== 'link') return operation
    const named = operation.name === 'write' ? operation.path : operation.body.path
    const node = this.source.at(named)
    if (!node || isDirectory(node) || !this.#isBest || this.source.linksOf(node) < 2)
      return operation
    const path = nameFor(this.#followed, node.key, named)
    return operation.name === 'write'
      ? { ...operation, path }
      : { ...operation, body: { ...operation.body, path } }
  }
}

function apply(tree: ModelTree, operation: Operation, value: string, isCopy = false): void {
  if (operation.name === 'write') tree.write(operation.path, operation.cell, value)
  else if (operation.name === 'rename') tree.rename(operation.body, isCopy)
  else if (operation.name === 'link') tree.link(operation.body)
  else tree.unlink(operation.body)
}

const above = (path: Buffer) => path.subarray(0, Math.max(0, path.lastIndexOf(0x2f)))
const isBelow = (path: Buffer, top: Buffer) =>
  `${path.toString()}/`.startsWith(`${top.toString()}/`)

function isPossible(tree: ModelTree, operation: Operation): boolean {
  if (operation.name === 'write') {
    const node = tree.at(operation.path)
    return node !== undefined && !isDirectory(node)
  }
  const { path } = operation.body
  const node = tree.at(path)
  if (!node) return false
  if (operation.name === 'unlink') return !isDirectory(node) || node.size === 0
  const { newPath } = operation.body
  const there = tree.at(newPath)
  if (!isDirectory(tree.at(above(newPath)))) return false
  if (operation.name === 'link') return !isDirectory(node) && there === undefined
  if (isBelow(newPath, path) || isBelow(path, newPath)) return false
  if (operation.body.flags === renameFlag.EXCHANGE) return there !== undefined
  if (there === undefined) return true
  if (isDirectory(node)) return isDirectory(there) && there.size === 0
  return !isDirectory(there)
}

const paths = ['a', 'a/x', 'a/y', 'a/new', 'b', 'b/c', 'b/c/w', 'b/z', 'v', 'new'].map(bytes)

function allOperations(): Operation[] {
  const all: Operation[] = []
  for (const path of paths) {
    all.push({ name: 'unlink', body: { path, ...times } })
    all.push({ name: 'write', path, cell: 0 }, { name: 'write', path, cell: 1 })
    for (const newPath of paths) {
      if (path === newPath) continue
      all.push({ name: 'link', body: { path, newPath, ...times } })
      all.push({ name: 'rename', body: { path, newPath, flags: 0, ...times } })
      if (path < newPath)
        all.push({ name: 'rename', body: { path, newPath, flags: renameFlag.EXCHANGE, ...times } })
    }
  }
  return all
}

/** Each operation comes before the step of its number. What is wrong at the end, or ''. */
function run(
  begin: (copy: ModelTree) => void,
  work: readonly (readonly [number, Operation])[],
  { follows = true, isBest = true } = {},
): string {
  const [source, copy] = [sourceTree(), new ModelTree()]
  begin(copy)
  const walk = new Walk(source, copy, isBest)
  for (let step = 0; step < 200; step++) {
    for (const [i, [at, operation]] of work.entries())
      if (at === step) walk.operate(operation, `${i}`, follows)
    if (walk.step()) continue
    if (work.every(([at]) => at <= step))
      return source.equals(copy) ? '' : `${source.text()} but ${copy.text()}`
  }
  return 'it does not end'
}

const operations = allOperations()
const stepsMax = 40

void t.test('one operation, at each step', async (t) => {
  let count = 0
  for (const [name, begin] of Object.entries(beginnings))
    for (const operation of operations)
      for (let at = 0; at < stepsMax; at++, count++) {
        const fault =
          run(begin, [[at, operation]]) || run(begin, [[at, operation]], { isBest: false })
        if (fault) return t.fail(`from ${name}, before step ${at}: ${shown(operation)}: ${fault}`)
      }
  t.pass(`${count} interleavings`)
  t.ok(count > 10_000, `${count}`)
})

void t.test('several, at random', async (t) => {
  const rng = seeded(t)
  const wanted = isLong ? 2_000_000 : 40_000
  const begins = Object.entries(beginnings)
  for (let count = 0; count < wanted; count++) {
    const [name, begin] = begins[rng.next(begins.length)]!
    // Few places, so that the operations concern each other.
    const places = new Set(Array.from({ length: 4 }, () => paths[rng.next(paths.length)]!))
    const among = operations.filter((operation) => isAmong(operation, places))
    const work = Array.from(
      { length: 2 + rng.next(6) },
      () => [rng.next(stepsMax), among[rng.next(among.length)]!] as const,
    )
    const fault = run(begin, work, { isBest: count % 2 === 0 })
    if (!fault) continue
    const said = work.map(([at, operation]) => `before step ${at} ${shown(operation)}`).join(', ')
    return t.fail(`from ${name}: ${said}: ${fault}`)
  }
  t.pass(`${wanted} interleavings`)
})

void t.test('and a walk that does not follow would be found out', async (t) => {
  let wrong = 0
  for (const operation of operations)
    for (let at = 0; at < stepsMax; at++)
      if (run(beginnings['nothing']!, [[at, operation]], { follows: false })) wrong++
  t.ok(wrong > 100, `${wrong} of them`)
})

void t.test('a file that is written all the time, by any of its names, is stated', async (t) => {
  for (const names of [['a/y'], ['b/z'], ['b/c/w'], ['a/y', 'b/z']]) {
    const [source, copy] = [sourceTree(), new ModelTree()]
    const walk = new Walk(source, copy, true)
    let steps = 0
    for (; steps < stepsMax && walk.step(); steps++)
      for (const cell of [0, 1] as const)
        for (const name of names)
          walk.operate({ name: 'write', path: bytes(name), cell }, `${steps}`, true)
    t.ok(steps < stepsMax, `${names.join()}: ${steps} steps`)
    t.ok(source.equals(copy))
  }
})

function isAmong(operation: Operation, places: ReadonlySet<Buffer>): boolean {
  if (operation.name === 'write') return places.has(operation.path)
  const { path, newPath } = operation.body as Body<'rename'>
  return places.has(path) && (newPath === undefined || places.has(newPath))
}

function shown(operation: Operation): string {
  if (operation.name === 'write') return `write ${operation.path.toString()} ${operation.cell}`
  const { path, newPath, flags } = operation.body as Body<'rename'>
  const to = newPath ? ` ${newPath.toString()}` : ''
  return `${operation.name} ${path.toString()}${to}${flags ? ' exchange' : ''}`
}
