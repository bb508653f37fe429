// A program that works in a directory, one change after another, until SIGTERM; then it prints the
// number of changes. Whatever fails, or reads back as something else, ends it with code 1. Its
// operands are the directory, a file elsewhere, whose size in bytes tells how far it is, and how
// long it rests after a change, in milliseconds.

import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [directory = '', progress = '', restMs = '0'] = process.argv.slice(2)
const at = (name: string) => join(directory, name)
let isGoing = true
process.on('SIGTERM', () => (isGoing = false))

async function work(): Promise<number> {
  const ticks = fs.openSync(progress, 'a')
  const log = fs.openSync(at('log'), 'a')
  let n = 0
  for (; isGoing; n++) {
    const text = `${n} ${'x'.repeat(n % 3000)}\n`
    const draft = fs.openSync(at('draft'), 'w')
    assert.equal(fs.writeSync(draft, text), text.length)
    if (n % 20 === 0) fs.fsyncSync(draft)
    fs.closeSync(draft)
    fs.renameSync(at('draft'), at(`file-${n % 50}`))
    assert.equal(fs.readFileSync(at(`file-${n % 50}`), 'utf8'), text)
    fs.writeSync(log, `${n}\n`)
    fs.mkdirSync(at('directory'))
    fs.rmdirSync(at('directory'))
    if (n % 7 === 0) fs.unlinkSync(at(`file-${n % 50}`))
    fs.writeSync(ticks, '.')
    // Signals come between turns.
    await (restMs === '0' ? new Promise(setImmediate) : sleep(Number(restMs)))
  }
  const lines = fs.readFileSync(at('log'), 'utf8').trimEnd().split('\n')
  assert.deepEqual(lines, [...Array(n).keys()].map(String))
  return n
}

console.log(await work())
