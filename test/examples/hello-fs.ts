// The hello-world example on a real mount, as its user sees it.

import t from 'tap'
import { HelloMount, run, sleep } from '../support/hello-mount.js'

void t.test('it lists, reads, refuses, and unmounts on SIGTERM', async (t) => {
  const hello = await HelloMount.start()
  t.teardown(() => hello.clear())
  const { mountpoint } = hello
  t.match(hello.entry(), { fsType: 'fuse.hello', source: Buffer.from('tfs') })
  t.match(run('ls', '-a', mountpoint), { status: 0, stdout: '.\n..\nhello\n', stderr: '' })
  const stat = run('stat', '-c', '%a %h %s %F', `${mountpoint}/hello`)
  t.match(stat, { status: 0, stdout: '444 1 14 regular file\n' })
  t.match(run('cat', `${mountpoint}/hello`), { status: 0, stdout: 'Hello, world!\n' })
  t.match(run('cat', `${mountpoint}/nope`), { status: 1, stderr: /No such file or directory/u })
  t.match(run('ls', `${mountpoint}/hello/x`), { status: 2, stderr: /Not a directory/u })
  t.match(run('touch', `${mountpoint}/new`), { status: 1, stderr: /Read-only file system/u })
  t.match(run('sh', '-c', `: >> ${mountpoint}/hello`), { stderr: /Read-only file system/u })
  t.match(run('df', mountpoint), { status: 0, stdout: /^tfs /mu })
  const big = `head -c 5 ${mountpoint}/hello | tr a-z A-Z; tail -c 3 ${mountpoint}/hello`
  t.equal(run('sh', '-c', big).stdout, 'HELLOd!\n')
  hello.child.kill('SIGTERM')
  t.equal(await hello.ended, 'SIGTERM')
  t.equal(hello.stderr, '')
  t.equal(hello.entry(), undefined)
  t.equal(run('ls', mountpoint).stdout, '')
})

void t.test('umount(8) ends it', async (t) => {
  const hello = await HelloMount.start()
  t.teardown(() => hello.clear())
  t.match(run('umount', hello.mountpoint), { status: 0 })
  t.equal(await hello.ended, 0)
})

void t.test('in use: it says by whom, goes on, and a second signal detaches it', async (t) => {
  const hello = await HelloMount.start('allow_other,noatime,nonempty')
  t.teardown(() => hello.clear())
  const script = `exec 3< ${hello.mountpoint}/hello; echo held; read x; cat <&3`
  const { spawn } = await import('node:child_process')
  const user = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'], timeout: 20_000 })
  let said = ''
  user.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  while (said !== 'held\n') await sleep(10)
  hello.child.kill('SIGINT')
  while (!hello.stderr.includes('\n')) await sleep(10)
  const by = `it is in use by sh (pid ${user.pid}, fd 3)`
  t.equal(hello.stderr, `hello-fs: cannot unmount '${hello.mountpoint}': ${by}\n`)
  t.equal(run('cat', `${hello.mountpoint}/hello`).stdout, 'Hello, world!\n')
  hello.child.kill('SIGTERM')
  while (hello.entry()) await sleep(10)
  t.pass('out of sight')
  user.stdin.end('\n')
  t.equal(await hello.ended, 'SIGTERM')
  t.equal(said, 'held\nHello, world!\n', 'what was open went on working')
})

void t.test('usage and bad mount points', async (t) => {
  const hello = new HelloMount('/proc/self/none')
  t.equal(await hello.ended, 1)
  t.match(hello.stderr, /^hello-fs: mount point '\/proc\/self\/none': ENOENT/mu)
  const file = new HelloMount('/proc/self/status')
  t.equal(await file.ended, 1)
  t.match(file.stderr, /^hello-fs: mount point '\/proc\/self\/status': not a directory$/mu)
  const option = new HelloMount('/proc', 'frobnicate')
  t.equal(await option.ended, 1)
  t.equal(option.stderr, "hello-fs: mount option 'frobnicate': unknown\n")
})
