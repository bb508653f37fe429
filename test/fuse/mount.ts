// Mounts as they end badly: killed servers, aborted connections; and mounts of ordinary users.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { deadMount, findHolders, replaceDeadMount } from '#fuse'
import { eventually, HelloMount, newMountpoint, run } from '../support/hello-mount.js'

void t.test('kill -9 leaves a dead mount, which is found and replaced', async (t) => {
  const hello = await HelloMount.start()
  t.teardown(() => hello.clear())
  const { mountpoint } = hello
  t.equal(run('cat', `${mountpoint}/hello`).stdout, 'Hello, world!\n')
  t.equal(deadMount(mountpoint), undefined, 'it lives')
  t.equal(replaceDeadMount(mountpoint, 'hello'), false)
  t.equal(deadMount(dirname(mountpoint)), undefined, 'no mount')
  t.equal(deadMount('/proc'), undefined, 'another type')
  t.equal(deadMount(join(mountpoint, 'none', 'such')), undefined)
  hello.child.kill('SIGKILL')
  await hello.ended
  t.match(run('ls', mountpoint), { status: 2, stderr: /not connected/u })
  t.match(deadMount(mountpoint), { fsType: 'fuse.hello' })
  t.match(deadMount(`${dirname(mountpoint)}/./${mountpoint.split('/').at(-1)}/`), {})
  const command = `unmount it with umount '${mountpoint}'`
  t.throws(() => replaceDeadMount(mountpoint), { code: 'ENOTCONN', message: command })
  t.equal(replaceDeadMount(mountpoint, 'hello'), true)
  t.equal(hello.entry(), undefined)
  const second = new HelloMount(mountpoint)
  await second.mounted()
  second.child.kill('SIGKILL')
  await second.ended
  // Replaced by its successor's start.
  const again = new HelloMount(mountpoint)
  await eventually('remounting', () => run('cat', `${mountpoint}/hello`).status === 0)
  t.equal(run('cat', `${mountpoint}/hello`).stdout, 'Hello, world!\n')
  again.child.kill('SIGTERM')
  t.equal(await again.ended, 'SIGTERM')
})

void t.test('an aborted connection ends the session, and the mount is cleared away', async (t) => {
  const hello = await HelloMount.start()
  t.teardown(() => hello.clear())
  const connections = '/sys/fs/fuse/connections'
  const control = `${connections}/${hello.entry()!.minor}/abort`
  if (!existsSync(control)) {
    const done = run('mount', '-t', 'fusectl', 'none', connections)
    t.equal(done.status, 0, done.stderr)
    t.teardown(() => run('umount', connections))
  }
  t.match(run('cat', `${hello.mountpoint}/hello`), { status: 0 })
  writeFileSync(control, '1')
  t.equal(await hello.ended, 0)
  t.equal(hello.entry(), undefined)
  t.equal(hello.stderr, '')
})

void t.test('umount -f and umount -l end it too', async (t) => {
  for (const how of ['-f', '-l']) {
    const hello = await HelloMount.start()
    t.match(run('umount', how, hello.mountpoint), { status: 0 })
    t.equal(await hello.ended, 0, how)
    await hello.clear()
  }
})

void t.test('what lies below the mount stays, whoever unmounts it', async (t) => {
  const mountpoint = newMountpoint()
  t.match(run('mount', '-t', 'tmpfs', 'below', mountpoint), { status: 0 })
  t.teardown(() => run('umount', '-l', mountpoint))
  for (const how of ['SIGTERM', 'umount', 'umount -l', 'over']) {
    const hello = new HelloMount(mountpoint)
    const entry = await hello.mounted()
    await eventually('the mount on top', () => hello.entry()?.fsType === 'fuse.hello')
    t.equal(entry.mountPoint.toString(), mountpoint)
    if (how === 'over') {
      t.match(run('mount', '-t', 'tmpfs', 'over', mountpoint), { status: 0 })
      hello.child.kill('SIGTERM')
      await eventually('a message', () => hello.stderr.includes('something is mounted over it'))
      t.equal(hello.entry()?.source.toString(), 'over')
      t.match(run('umount', mountpoint), { status: 0 })
    }
    // Whoever looks at all mounts of the machine just then, as df(1) does, keeps it busy.
    if (how.startsWith('umount'))
      await eventually(how, () => run('sh', '-c', `${how} '${mountpoint}'`).status === 0)
    else hello.child.kill('SIGTERM')
    t.match(await hello.ended, how.startsWith('umount') ? 0 : 'SIGTERM')
    t.equal(hello.entry()?.source.toString(), 'below', how)
  }
})

void t.test('12,000 requests leave nothing behind', async (t) => {
  const hello = await HelloMount.start()
  t.teardown(() => hello.clear())
  const ask = (count: number) => {
    const script = `let missing = 0
      for (let i = 0; i < ${count}; i++) {
        try { fs.statSync(process.argv[1] + '/none-' + i) }
        catch (e) { if (e.code === 'ENOENT') missing++ }
        if (i % 10 === 0) fs.closeSync(fs.openSync(process.argv[1] + '/hello'))
      }
      process.stdout.write(String(missing))`
    return run(process.execPath, '-e', script, hello.mountpoint).stdout
  }
  t.equal(ask(2000), '2000')
  const before = { descriptors: hello.descriptors(), kib: hello.residentKib() }
  t.equal(ask(10_000), '10000')
  t.equal(hello.descriptors(), before.descriptors)
  const grown = hello.residentKib() - before.kib
  t.ok(grown < 32 * 1024, `${grown} KiB`)
})

void t.test('a mount in a mount keeps it busy, and is named', async (t) => {
  const hello = await HelloMount.start()
  t.teardown(() => hello.clear())
  t.same(findHolders(hello.mountpoint), [])
  const inner = `${hello.mountpoint}/hello`
  const target = newMountpoint()
  t.teardown(() => rmSync(target, { recursive: true }))
  writeFileSync(`${target}/file`, '')
  t.match(run('mount', '--bind', `${target}/file`, inner), { status: 0 })
  hello.child.kill('SIGTERM')
  await eventually('a message', () => hello.stderr.includes('\n'))
  t.match(hello.stderr, `a mount on ${inner}`)
  t.match(run('umount', inner), { status: 0 })
  t.match(run('umount', hello.mountpoint), { status: 0 })
  t.equal(await hello.ended, 'SIGTERM')
})

/**
 * An ordinary user's world in a mount namespace of its own: a /dev/fuse that everybody may open (as
 * udev makes it), and this tree and this node where everybody may look.
 */
function asUser(t: { teardown: (f: () => void) => void }): {
  command: string[]
  mountpoint: string
} {
  const area = mkdtempSync(join(tmpdir(), 'tfs-user-'))
  t.teardown(() => rmSync(area, { recursive: true }))
  chmodSync(area, 0o755)
  const mountpoint = join(area, 'mnt')
  for (const name of ['tree', 'bin', 'mnt']) mkdirSync(join(area, name))
  chownSync(mountpoint, 65534, 65534)
  const tree = fileURLToPath(new URL('../../..', import.meta.url))
  // tap puts NODE_OPTIONS into every child, to load what that user may not write for.
  // The new namespace would keep the mounts of tests beside this one alive.
  const script = `set -e; cd ${area}; unset NODE_OPTIONS
    awk '/ - fuse/ { print $5 }' /proc/self/mountinfo | xargs -r umount -l
    [ -e fuse ] || mknod fuse c 10 229; chmod 666 fuse; mount --bind fuse /dev/fuse
    mount --bind '${tree}' tree; mount --bind '${dirname(process.execPath)}' bin
    exec setpriv --reuid 65534 --regid 65534 --clear-groups \\
      ${area}/bin/node ${area}/tree/build/examples/hello-fs.js "$@"`
  return { command: ['unshare', '-m', 'sh', '-c', script, 'sh'], mountpoint }
}

/** Runs a command in the namespace of `hello`, as that user or as root. */
const inside = (hello: HelloMount, ids: readonly string[], ...command: string[]) =>
  run('nsenter', `--mount=/proc/${hello.child.pid}/ns/mnt`, 'setpriv', ...ids, '--', ...command)

const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups']

void t.test('an ordinary user mounts by fusermount3', async (t) => {
  const { command, mountpoint } = asUser(t)
  t.match(run('sh', '-c', 'command -v fusermount3'), { status: 0 }, 'apt install fuse3')
  const hello = new HelloMount(mountpoint, '', command)
  t.teardown(() => hello.child.kill('SIGKILL'))
  const mounts = () => inside(hello, [], 'cat', '/proc/self/mountinfo').stdout
  await eventually('mounting', () => mounts().includes('fuse.hello'))
  const read = () => inside(hello, nobody, 'cat', `${mountpoint}/hello`)
  t.match(read(), { status: 0, stdout: 'Hello, world!\n', stderr: '' })
  t.match(mounts(), /fuse\.hello tfs ro,user_id=65534,group_id=65534,default_permissions/u)
  const root = inside(hello, [], 'cat', `${mountpoint}/hello`)
  t.match(root, { status: 1, stderr: /Permission denied/u }, 'without allow_other, only that user')
  hello.child.kill('SIGTERM')
  t.equal(await hello.ended, 'SIGTERM')
  t.equal(hello.stderr, '')
})

void t.test('what fusermount3 refuses is passed on, with a hint', async (t) => {
  const { command, mountpoint } = asUser(t)
  const other = new HelloMount(mountpoint, 'allow_other', command)
  t.equal(await other.ended, 1)
  t.match(
    other.stderr,
    /user_allow_other.*\(add the line 'user_allow_other' to \/etc\/fuse.conf\)/u,
  )
  const foreign = new HelloMount('/proc', '', command)
  t.equal(await foreign.ended, 1)
  t.match(foreign.stderr, /cannot mount on '\/proc': .*fusermount3: /u)
  chmodSync(mountpoint, 0)
  const closed = new HelloMount(mountpoint, '', command)
  t.equal(await closed.ended, 1)
  t.match(closed.stderr, /cannot mount on .*Permission denied \(the mount point must be yours/u)
})
