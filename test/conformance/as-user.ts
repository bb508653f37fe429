// All of it by an ordinary user: mount through fusermount3, journal, broadcast and mirror.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { Case } from '../support/stage.js'

/** 'nobody': fusermount3 wants a user with a name. */
const USER = 65_534

const cases: Case[] = [
  {
    name: 'files are made, written, renamed, linked and removed',
    run: async (x) => {
      const p = await x.process()
      await p.mkdir('d', 0o700)
      await p.put('d/f', 'data', 0o666)
      await p.link('d/f', 'g')
      await p.rename('d/f', 'd/h')
      await p.symlink('h', 'd/l')
      await p.put('d/l', 'through the link')
      await p.mknod('fifo', 0o010600)
      await p.fails('EPERM').mknod('device', 0o020600, 259)
      for (const name of ['d', 'd/h', 'g', 'fifo']) await p.stat(name)
      await p.unlink('g')
      await p.fails('ENOTEMPTY').rmdir('d')
      await p.put('a', 'one')
      await p.put('b', 'two')
      await p.rename('a', 'b', 'EXCHANGE')
      await p.fails('EEXIST').rename('a', 'b', 'NOREPLACE')
    },
  },
  {
    name: 'modes, owners and attributes as far as a user may',
    run: async (x) => {
      const p = await x.process()
      await p.put('f', 'data')
      for (const mode of [0o600, 0o4755, 0o2755, 0o7777, 0]) {
        await p.chmod('f', mode)
        await p.stat('f')
      }
      await p.fails('EACCES').open('f', 'RDONLY')
      await p.fails('EPERM').chown('f', 0, -1)
      await p.chown('f', USER, USER)
      await p.chmod('f', 0o6777)
      await p.put('f', 'cleared by the write')
      await p.stat('f')
      await p.setxattr('f', 'user.x', 'y')
      await p.listxattr('f')
      await p.fails('EPERM').setxattr('f', 'trusted.x', 'y')
      await p.setAcl('f', 'access', 'u::rwx,u:1300:r--,g::r-x,m::r-x,o::---')
      await p.getxattr('f', 'system.posix_acl_access')
      await p.utimens('f', { sec: 1n, nsec: 2 }, { sec: 3n, nsec: 4 })
      await p.times('f')
    },
  },
  {
    name: 'what its maker cannot open again is still written, listed and removed',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('f', 'RDWR|CREAT', 0)
      await p.write(fd, 'written')
      await p.ftruncate(fd, 4)
      await p.pread(fd, 10, 0)
      await p.mkdir('d')
      await p.put('d/f', 'x')
      const dir = await p.open('d', 'RDONLY')
      await p.chmod('d', 0)
      await p.fails('EACCES').stat('d/f')
      x.is((await p.getdents(dir)).length, 3, 'entries')
      await p.chmod('d', 0o755)
      await p.unlink('d/f')
      await p.unlink('f')
      await p.pwrite(fd, 'nameless', 0)
      await p.preadHash(fd, 100, 0)
    },
  },
  {
    name: 'nameless, mapped, sparse and copied files',
    run: async (x) => {
      const p = await x.process()
      const fd = await p.open('.', 'RDWR|TMPFILE', 0o640)
      await p.pwritePattern(fd, 100_000, 50_000, 1)
      const map = await p.mmap(8192, 'READ|WRITE', 'SHARED', fd)
      await p.poke(map + 4000n, 'through memory')
      await p.link(`/proc/self/fd/${fd}`, 'named', 'SYMLINK_FOLLOW')
      const copy = await p.open('copy', 'RDWR|CREAT')
      await p.copyFileRange(fd, 0, copy, 0, 150_000)
      await p.fallocate(copy, 'PUNCH_HOLE|KEEP_SIZE', 60_000, 20_000)
      await p.munmap(map, 8192)
      await p.preadHash(copy, 200_000, 0)
    },
  },
  {
    name: 'locks, sockets and FIFOs between processes',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      const [a, b] = [await p.open('f', 'RDWR|CREAT'), await q.open('f', 'RDWR')]
      await p.lock(a, 'SETLK', { type: 'write', start: 0, length: 10 })
      await q.fails('EAGAIN').lock(b, 'SETLK', { type: 'write', start: 5, length: 1 })
      const server = await p.unixSocket()
      await p.unixAddress('bind', server, 'socket')
      await p.listen(server)
      const client = await q.unixSocket()
      await q.unixAddress('connect', client, 'socket')
      await p.mknod('fifo', 0o010600)
      const fifo = await p.open('fifo', 'RDWR')
      await q.write(await q.open('fifo', 'WRONLY'), 'line')
      await p.read(fifo, 10)
    },
  },
  {
    name: 'tar, rsync and git',
    run: async (x) => {
      const p = await x.process()
      const script = [
        'mkdir -p src/a/b; for i in 1 2 3 4; do seq $i 500 >src/a/$i; ln src/a/$i src/a/b/$i; done',
        'ln -s a/1 src/link; mkfifo src/fifo; chmod 711 src/a; touch -d @1000000000.5 src/a/2',
        'tar cf x.tar src; mkdir out; tar xpf x.tar -C out; rm x.tar; diff -r src/a out/src/a',
        'rsync -aHX src/ copy/; rsync -aHXn --delete --itemize-changes src/ copy/',
        'git init -q repo; cd repo; git config user.email a@b; git config user.name a',
        'cd repo; seq 1000 >f; git add f; git commit -qm one; git gc -q; git fsck; rm -rf ../repo',
      ]
      await p.put('env', `export HOME=$PWD GIT_CONFIG_NOSYSTEM=1\n`)
      for (const line of script) await p.run(['sh', '-c', `. ./env; ${line}`], true)
      await p.run(['sh', '-c', 'find . -type f | sort | xargs cat | cksum'])
    },
  },
]

// A mount namespace in which /dev/fuse is open to everybody, as udev makes it, and in which this
// tree and this node are where everybody may look.
const prepare = `set -e; cd "$1"
  awk '/ - fuse/ { print $5 }' /proc/self/mountinfo | xargs -r umount -l
  mknod fuse c 10 229; chmod 666 fuse; mount --bind fuse /dev/fuse
  mount --bind "$2" tree; mount --bind "$3" bin
  shift 3; exec "$@"`

async function inside(): Promise<void> {
  const { conform } = await import('../support/conform.js')
  await conform('as-user', cases, { user: USER })
}

async function outside(): Promise<void> {
  const { removeTree } = await import('../support/remove-tree.js')
  const area = mkdtempSync(join(tmpdir(), 'tfs-user-'))
  for (const name of ['tree', 'bin']) mkdirSync(join(area, name))
  spawnSync('chmod', ['755', area])
  const tree = join(import.meta.dirname, '../../..')
  const file = join(area, 'tree', relative(tree, import.meta.filename))
  const [node, nodeDir] = [join(area, 'bin/node'), dirname(process.execPath)]
  const command = ['sh', '-c', prepare, 'sh', area, tree, nodeDir, node, file]
  const { status } = spawnSync('unshare', ['-m', ...command], {
    stdio: 'inherit',
    timeout: 400_000,
    env: { ...process.env, TFS_INSIDE: '1' },
  })
  removeTree(area)
  process.exitCode = status ?? 1
}

await (process.env['TFS_INSIDE'] === undefined ? outside() : inside())
