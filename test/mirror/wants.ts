// What a mirror still lacks is asked for until all of it has come.

import t from 'tap'
import type { Body } from '#wire'
import { Wants } from '../../packages/mirror/wants.js'

const file = Buffer.from('file')
const mebibyte = 1 << 20

void t.test('a piece of which a part came is asked for again', async (t) => {
  const wants = new Wants()
  const sent: Body<'want-assert'>[] = []
  const ask = () =>
    wants.ask((body) => {
      sent.push(body)
      return true
    })
  wants.want(file, mebibyte, mebibyte)
  ask()
  t.match(sent, [{ offset: mebibyte, length: mebibyte }])
  wants.begins(sent[0]!.id)
  wants.got(file, mebibyte, 4096)
  wants.askAgain()
  t.notOk(wants.isEmpty)
  ask()
  t.match(sent[1], { offset: mebibyte, length: mebibyte })
  wants.begins(sent[1]!.id)
  wants.got(file, mebibyte, mebibyte / 2)
  wants.got(file, mebibyte + mebibyte / 2, mebibyte / 2)
  wants.ends(sent[1]!.id)
  t.ok(wants.isEmpty)
})
