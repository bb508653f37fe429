// What the log says at which level, that it is one line, and that it survives its disk.

import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createLog } from '../../packages/cli/log.js'
import { tempDirectory } from '../support/temp-directory.js'

const levels = { verbose: 0, quiet: false }

void t.test('levels', (t) => {
  const said = (levels: { verbose: number; quiet: boolean }) => {
    const path = join(tempDirectory(t).path, 'log')
    const fd = openSync(path, 'w')
    const log = createLog('program', levels, fd)
    log('a', 'usual')
    log.verbose('b', 'more')
    log.error('c', 'failed')
    log.error('', 'bare')
    closeSync(fd)
    return readFileSync(path, 'utf8')
  }
  const failed = 'program: c: failed\nprogram: bare\n'
  t.equal(said(levels), `program: a: usual\n${failed}`)
  t.equal(said({ verbose: 1, quiet: false }), `program: a: usual\nprogram: b: more\n${failed}`)
  t.equal(said({ verbose: 0, quiet: true }), failed)
  t.end()
})

void t.test('for machines', (t) => {
  const path = join(tempDirectory(t).path, 'log')
  const fd = openSync(path, 'w')
  const log = createLog('program', { verbose: 1, quiet: false, json: true }, fd)
  log('a "name"\n\u202e', 'usual')
  log.verbose('b', 'more')
  log.error('', 'failed')
  closeSync(fd)
  const text = readFileSync(path, 'utf8')
  t.notMatch(text.replaceAll('\n', ''), /[\p{C}\p{Zl}\p{Zp}]/u)
  const lines = text.trimEnd().split('\n')
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, string>)
  for (const { time = '' } of parsed) t.equal(new Date(time).toISOString(), time)
  t.match(parsed, [
    { program: 'program', level: 'warning', what: 'a "name"\\n\\xe2\\x80\\xae', why: 'usual' },
    { level: 'info', what: 'b', why: 'more' },
    { level: 'error', what: '', why: 'failed' },
  ])
  t.end()
})

void t.test('names command no terminal', (t) => {
  const path = join(tempDirectory(t).path, 'log')
  const fd = openSync(path, 'w')
  createLog(
    'program',
    levels,
    fd,
  )('a\nb\r\x1b[31m\u202e\u2028\x7f\x85\ud800', 'back\\slash tab\t ünïcode 日本 \u{1f600}')
  closeSync(fd)
  const text = readFileSync(path, 'utf8')
  t.equal(text.split('\n').length, 2)
  t.notMatch(text.slice(0, -1), /[\p{C}\p{Zl}\p{Zp}]/u)
  t.match(text, 'a\\nb\\r\\x1b[31m\\xe2\\x80\\xae')
  t.match(text, 'back\\slash tab\\t ünïcode 日本 \u{1f600}')
  t.end()
})

void t.test('a full disk costs lines, which are counted, and no more', (t) => {
  const fd = openSync('/dev/full', 'w')
  const log = createLog('program', levels, fd)
  log('a', 'lost')
  log('b', 'lost')
  t.equal(log.dropped(), 2)
  closeSync(fd)
  log('c', 'lost too: the log is closed')
  t.equal(log.dropped(), 3)
  t.end()
})

void t.test('when there is room again the log says what is missing', (t) => {
  const path = join(tempDirectory(t).path, 'log')
  const full = openSync('/dev/full', 'w')
  const log = createLog('program', levels, full)
  log('a', 'lost')
  closeSync(full)
  const fd = openSync(path, 'w')
  t.equal(fd, full, 'the same descriptor')
  log('b', 'said')
  log('c', 'said')
  closeSync(fd)
  t.equal(
    readFileSync(path, 'utf8'),
    'program: log: 1 lines could not be written\nprogram: b: said\nprogram: c: said\n',
  )
  t.end()
})
