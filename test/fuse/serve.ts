// `serve` with modules whose handlers fail in every way: the mount never outlives them.

import { rmdirSync } from 'node:fs'
import t from 'tap'
import { readMounts, serve } from '#fuse'
import { eventually, newMountpoint, sleep } from '../support/hello-mount.js'
import { spawn } from 'node:child_process'

const moduleOf = (source: string) => new URL(`data:text/javascript,${encodeURIComponent(source)}`)

const isMounted = (mountpoint: string) =>
  readMounts().some(({ mountPoint }) => mountPoint.toString() === mountpoint)

void t.test('a module that cannot be loaded, or whose thread dies', async (t) => {
  for (const [source, message] of [
    ['throw new Error("at loading")', /at loading/u],
    ['export const handlers = () => { throw new Error("at making") }', /at making/u],
    ['process.exit(3); export const handlers = {}', /code 3/u],
  ] as const) {
    const mountpoint = newMountpoint()
    const errors: string[] = []
    const onError = (text: string) => errors.push(text)
    await t.rejects(serve({ mountpoint, module: moduleOf(source), onError }), { message })
    t.notOk(isMounted(mountpoint))
    t.same(errors, [])
    rmdirSync(mountpoint)
  }
})

void t.test('data reaches the module, and errors of handlers come back', async (t) => {
  const mountpoint = newMountpoint()
  const errors: string[] = []
  const source = `export const handlers = (data) => ({
    FUSE_GETATTR() { throw new Error('attributes of ' + data.word) } })`
  const served = serve({
    mountpoint,
    module: moduleOf(source),
    data: { word: 'something' },
    subtype: 'sorry',
    onError: (text) => errors.push(text),
  })
  await eventually('mounting', () => isMounted(mountpoint))
  // Not spawnSync: the errors are delivered meanwhile.
  const child = spawn('sh', ['-c', `ls ${mountpoint}/x; umount ${mountpoint}`], {
    stdio: 'ignore',
    timeout: 20_000,
  })
  t.equal(await served, undefined)
  while (child.exitCode === null) await sleep(10)
  t.match(errors, [/^FUSE_GETATTR: Error: attributes of something\n/u])
  rmdirSync(mountpoint)
})
