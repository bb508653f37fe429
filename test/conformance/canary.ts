// What compares must be able to find: each kind of difference, planted, is reported.

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from 'node:fs'
import { unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { rsyncCompare } from '../support/rsync-compare.js'
import { play, type Case } from '../support/stage.js'
import { firstDifference, type Step, type Transcript } from '../support/transcript.js'
import { treesDiffer } from '../support/tree-walk.js'

const area = mkdtempSync(join(tmpdir(), 'tfs-canary-'))
t.teardown(() => rmSync(area, { recursive: true }))

const step = (call: string, result: Step['result']): Step => ({ call, result })
const transcript = (...steps: Step[]): Transcript => ({ steps })

void t.test('a transcript that differs', async (t) => {
  const good = transcript(step('open', 'fd'), step('write', 5))
  t.equal(firstDifference(good, transcript(step('open', 'fd'), step('write', 5))), undefined)
  const planted = {
    'another result': transcript(step('open', 'fd'), step('write', 4)),
    'an error': transcript(step('open', 'fd'), step('write', 'EIO')),
    'a call less': transcript(step('open', 'fd')),
    'a call more': transcript(...good.steps, step('close', 0)),
    'another call': transcript(step('open', 'fd'), step('pwrite', 5)),
    'a failure of the case': { ...good, failure: 'it did not end' },
  }
  for (const [what, other] of Object.entries(planted)) t.ok(firstDifference(good, other), what)
})

void t.test('a difference that is accepted, and only that', async (t) => {
  const differs = { reason: 'no message says it' }
  const plain = transcript({ ...step('ioctl', 0), differs })
  t.equal(firstDifference(plain, transcript(step('ioctl', 'ENOTTY'))), undefined, 'a refusal')
  t.ok(firstDifference(plain, transcript(step('ioctl', 'EIO'))), 'an error that is no refusal')
  t.ok(firstDifference(plain, transcript(step('ioctl', 1))), 'another result')
  const instead = transcript({ ...step('stat', 1), differs: { reason: 'so it is', instead: 2 } })
  t.equal(firstDifference(instead, transcript(step('stat', 2))), undefined, 'what is allowed')
  t.ok(firstDifference(instead, transcript(step('stat', 3))), 'what is not')
})

void t.test('a case whose call goes another way than it demands', async (t) => {
  const cases: Record<string, Case['run']> = {
    'an error': async (x) => (await x.process()).unlink('missing'),
    'another error': async (x) => (await x.process()).fails('EPERM').unlink('missing'),
    'no error': async (x) => (await x.process()).fails('EEXIST').mkdir('d'),
    'another value': async (x) => x.is(1, 2, 'value'),
  }
  const dir = mkdtempSync(join(area, 'case-'))
  for (const [name, run] of Object.entries(cases)) {
    t.type((await play({ name, run }, dir)).failure, 'string', name)
  }
})

/** Two equal trees; `spoil` changes the second. */
function twoTrees(spoil: (dir: string) => void): [string, string] {
  const dirs = ['one', 'two'].map((name) => join(mkdtempSync(join(area, 'trees-')), name))
  for (const dir of dirs) {
    mkdirSync(join(dir, 'd'), { recursive: true })
    writeFileSync(join(dir, 'f'), 'some data')
    linkSync(join(dir, 'f'), join(dir, 'hard'))
    writeFileSync(join(dir, 'hole'), 'x')
    truncateSync(join(dir, 'hole'), 1 << 20)
    symlinkSync('f', join(dir, 'link'))
    for (const name of ['f', 'hole', 'd', '.']) utimesSync(join(dir, name), 1000, 1000)
    execFileSync('touch', ['-h', '-d', '@1000', join(dir, 'link')])
  }
  const [one = '', two = ''] = dirs
  spoil(two)
  for (const name of ['d', '.']) utimesSync(join(two, name), 1000, 1000)
  return [one, two]
}

const touch = (path: string, time: string) => execFileSync('touch', ['-h', '-d', time, path])
/** What is spoiled, and whether rsync sees it too. */
const spoils: [string, (dir: string) => void, boolean][] = [
  ['data of the same size and time', (d) => rewrite(join(d, 'f')), true],
  ['a mode', (d) => chmodSync(join(d, 'f'), 0o600), true],
  ['a time, by a second', (d) => touch(join(d, 'f'), '@1001'), true],
  ['a time, by a nanosecond', (d) => touch(join(d, 'f'), '@1000.000000001'), false],
  ['an owner', (d) => execFileSync('chown', ['5:6', join(d, 'd')]), true],
  ['an attribute', (d) => execFileSync('setfattr', ['-n', 'user.x', join(d, 'd')]), true],
  ['a file missing', (d) => unlinkSync(join(d, 'hole')), true],
  ['a file too many', (d) => writeFileSync(join(d, 'd/extra'), ''), true],
  ['two files in place of two names', (d) => parted(d), true],
  ['a target', (d) => retarget(join(d, 'link')), true],
  ['a hole that is filled', (d) => filled(join(d, 'hole')), false],
]

function rewrite(path: string): void {
  writeFileSync(path, 'same size')
  utimesSync(path, 1000, 1000)
}

function parted(dir: string): void {
  unlinkSync(join(dir, 'hard'))
  execFileSync('cp', ['-p', join(dir, 'f'), join(dir, 'hard')])
}

function retarget(path: string): void {
  unlinkSync(path)
  symlinkSync('g', path)
  touch(path, '@1000')
}

function filled(path: string): void {
  execFileSync('fallocate', ['-l', '1M', path])
  utimesSync(path, 1000, 1000)
}

void t.test('trees that differ', async (t) => {
  const view = { times: 'exact', blocks: true } as const
  const equal = twoTrees(() => {})
  t.equal(await treesDiffer(...equal, view), '', 'equal ones do not')
  t.equal(await rsyncCompare(...equal), '', 'not for rsync either')
  for (const [what, spoil, byRsync] of spoils) {
    const trees = twoTrees(spoil)
    t.not(await treesDiffer(...trees, view), '', what)
    if (byRsync) t.not(await rsyncCompare(...trees), '', `${what}, by rsync`)
  }
})
