// A program that works in a directory whose disk may be full: each change is made, or refused with
// ENOSPC and then not made at all, or a write in part. Anything else ends it with code 1. On
// SIGTERM it reads all that it has written once more, and prints what it has done. Its operands are
// the directory and a file elsewhere, which gets a `.` for each turn, and a `!` for one with a
// refusal.

import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [directory = '', progress = ''] = process.argv.slice(2)
const at = (name: string) => join(directory, name)
const isThere = (name: string) => fs.lstatSync(at(name), { throwIfNoEntry: false }) !== undefined
const filesMax = 40
const restMs = 5
const contents = new Map<string, Buffer>()
let isGoing = true
process.on('SIGTERM', () => (isGoing = false))

/** Whether the change was made. */
function attempt(change: () => void): boolean {
  try {
    change()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    return false
  }
}

/** The part of `data` that the file has then, and whether that is all of it. */
function write(fd: number, data: Buffer): boolean {
  let done = 0
  const isWhole = attempt(() => {
    while (done < data.length) done += fs.writeSync(fd, data, done)
  })
  assert.equal(fs.fstatSync(fd).size, done)
  return isWhole
}

function replace(name: string, data: Buffer): boolean {
  const wasThere = isThere('draft')
  let fd = -1
  if (!attempt(() => (fd = fs.openSync(at('draft'), 'w+')))) {
    assert.equal(isThere('draft'), wasThere)
    return false
  }
  try {
    if (!write(fd, data)) return false
  } finally {
    fs.closeSync(fd)
  }
  if (!attempt(() => fs.renameSync(at('draft'), at(name)))) {
    assert.ok(isThere('draft'))
    check(name)
    return false
  }
  contents.set(name, data)
  check(name)
  return true
}

function check(name: string): void {
  const data = contents.get(name)
  if (data) assert.ok(fs.readFileSync(at(name)).equals(data), `${name} is not what it was`)
  else assert.equal(isThere(name), false)
}

function changeMode(name: string, mode: number): boolean {
  if (!isThere(name)) return true
  const before = fs.statSync(at(name)).mode & 0o777
  const isDone = attempt(() => fs.chmodSync(at(name), mode))
  assert.equal(fs.statSync(at(name)).mode & 0o777, isDone ? mode : before)
  return isDone
}

function directories(): boolean {
  const wasThere = isThere('directory')
  const change = () => (wasThere ? fs.rmdirSync : fs.mkdirSync)(at('directory'))
  const isDone = attempt(change)
  assert.equal(isThere('directory'), isDone !== wasThere)
  return isDone
}

function remove(name: string): boolean {
  const isDone = attempt(() => fs.rmSync(at(name), { force: true }))
  if (isDone) contents.delete(name)
  check(name)
  return isDone
}

function turn(n: number): boolean {
  const name = `file-${n % filesMax}`
  const data = Buffer.from(`${n} `.repeat(1 + ((n * 7919) % 6000)))
  const done = [replace(name, data), changeMode(name, n % 2 ? 0o600 : 0o644), directories()]
  if (n % 3 === 0) done.push(remove(`file-${(n + 7) % filesMax}`))
  return !done.includes(false)
}

const ticks = fs.openSync(progress, 'a')
let turns = 0
for (; isGoing; turns++) {
  fs.writeSync(ticks, turn(turns) ? '.' : '!')
  await sleep(restMs)
}
for (const name of contents.keys()) check(name)
console.log(`${turns} turns, ${contents.size} files`)
