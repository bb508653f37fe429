// Suspects are asked for by the names that they have by then, each until it is stated.

import t from 'tap'
import { renameFlag, type Body } from '#wire'
import { Doubts } from '../../packages/mirror/doubts.js'

const times = { dirMtimeSec: 0, dirMtimeNsec: 0, newDirMtimeSec: 0, newDirMtimeNsec: 0 }
const rename = (path: string, newPath: string, flags = 0) => ({
  path: Buffer.from(path),
  newPath: Buffer.from(newPath),
  flags,
  ...times,
})

const requests = new Map<number, Body<'want-assert'>>()

/** What is asked for, with the number of each request; directories alone end with a slash. */
function asking(doubts: Doubts, from = 1): string[] {
  const all: string[] = []
  doubts.ask((path, isDeep) => {
    all.push(isDeep ? path.toString() : `${path.toString()}/`)
    const id = from + all.length - 1
    const request = { id, depth: isDeep ? 1 : 0, form: 1, offset: 0, length: 0, path }
    requests.set(id, request)
    return request
  })
  return all
}

const doubtful = (...paths: string[]) => {
  const doubts = new Doubts()
  for (const path of paths) doubts.add(Buffer.from(path), true)
  return doubts
}

void t.test('a suspect is asked for with its directory, under its name by then', (t) => {
  const doubts = doubtful('d/f')
  doubts.follow('rename', rename('d', 'e'))
  doubts.follow('rename', rename('e/f', 'g'))
  const asked = asking(doubts)
  // It may have been another name of the same file, and still be there.
  t.strictSame(asked.toSorted(), ['/', 'e/', 'e/f', 'g'])
  t.notOk(doubts.isEmpty)
  t.ok(doubts.isFlat(1 + asked.indexOf('e/')))
  t.notOk(doubts.isFlat(1 + asked.indexOf('g')))
  for (const id of [1, 2, 3, 4]) {
    doubts.begins(requests.get(id)!)
    doubts.ends(id, true)
  }
  t.ok(doubts.isEmpty)
  t.end()
})

void t.test('an exchange takes each with it, and what is removed is in no doubt', (t) => {
  const doubts = doubtful('d/f')
  doubts.follow('rename', rename('d', 'e', renameFlag.EXCHANGE))
  t.equal(doubts.covering(Buffer.from('e/f/g')), true)
  t.equal(doubts.covering(Buffer.from('d/f')), undefined)
  doubts.follow('unlink', { path: Buffer.from('e/f'), dirMtimeSec: 0, dirMtimeNsec: 0 })
  t.equal(doubts.covering(Buffer.from('e/f')), undefined)
  t.end()
})

void t.test('what went elsewhere before its statement began is asked for there', (t) => {
  const doubts = doubtful('f')
  t.equal(asking(doubts)[0], 'f')
  doubts.follow('rename', rename('f', 'g'))
  doubts.begins(requests.get(1)!)
  doubts.ends(1, true)
  t.ok(asking(doubts, 5).includes('g'))
  doubts.restart()
  t.ok(asking(doubts, 9).includes('g'), 'and again where no answer will come')
  t.end()
})

void t.test('a copy is as doubtful as what it is of, until that is being stated', (t) => {
  const copied = { from: Buffer.from('f'), fromOffset: 0, offset: 0, length: 1 }
  const doubts = doubtful('f')
  asking(doubts)
  doubts.follow('copy', { ...copied, path: Buffer.from('g') })
  t.equal(doubts.covering(Buffer.from('g')), true)
  t.ok(doubts.begins(requests.get(1)!))
  doubts.follow('copy', { ...copied, path: Buffer.from('h') })
  t.equal(doubts.covering(Buffer.from('h')), undefined)
  t.end()
})

void t.test('what begins otherwise than it was asked for settles nothing', (t) => {
  const doubts = doubtful('f')
  asking(doubts)
  t.notOk(doubts.begins({ ...requests.get(1)!, path: Buffer.from('g') }))
  t.notOk(doubts.begins({ ...requests.get(1)!, depth: 0 }))
  doubts.ends(1, true)
  t.ok(asking(doubts, 5).includes('f'))
  t.end()
})

void t.test('what could not be stated is asked for ever later, and others meanwhile', (t) => {
  const real = performance.now.bind(performance)
  t.teardown(() => void (performance.now = real))
  let late = 0
  performance.now = () => real() + late
  const doubts = doubtful('f')
  let id = 1
  const fail = () => {
    doubts.giveUp()
    const from = id
    const asked = asking(doubts, from)
    id += asked.length
    for (const [i, path] of asked.entries()) {
      doubts.begins(requests.get(from + i)!)
      if (path.endsWith('/')) doubts.ends(from + i, true)
      else doubts.fails(from + i)
    }
    return asked
  }
  t.strictSame(fail(), ['f', '/'])
  for (const ms of [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    late += ms - 500
    t.strictSame(fail(), [])
    t.equal(doubts.covering(Buffer.from('f')), true)
    t.notOk(doubts.isEmpty)
    late += 600
    t.strictSame(fail(), ['f', '/'], `after ${ms} ms`)
  }
  doubts.add(Buffer.from('g'), true)
  t.ok(asking(doubts, id).includes('g'))
  doubts.follow('unlink', { path: Buffer.from('f'), dirMtimeSec: 0, dirMtimeNsec: 0 })
  t.equal(doubts.covering(Buffer.from('f')), undefined)
  t.end()
})
