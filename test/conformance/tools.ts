// The programs people use: what they make and copy is the same, with all that belongs to it.

import { conform } from '../support/conform.js'
import type { Process } from '../support/process-calls.js'
import type { Case } from '../support/stage.js'

/** A small tree with one of everything; all its times lie in the past. */
async function sample(p: Process): Promise<void> {
  for (const dir of ['src', 'src/dir', 'src/dir/empty', 'src/dir/private']) await p.mkdir(dir)
  await p.put('src/file', 'data')
  await p.put('src/dir/program', '#!/bin/sh\necho hi\n', 0o755)
  await p.put(Buffer.from('src/\xff\xfe name\n', 'latin1'), 'odd')
  await p.link('src/file', 'src/dir/hard link')
  await p.symlink('../file', 'src/dir/link')
  await p.symlink('nowhere', 'src/dangling')
  await p.mknod('src/fifo', 0o010640)
  await p.mknod('src/null', 0o020666, 259)
  await p.setxattr('src/file', 'user.note', 'value')
  await p.setAcl('src/dir', 'default', 'u::rwx,u:1300:r-x,g::r-x,m::r-x,o::---')
  await p.setAcl('src/dir/program', 'access', 'u::rwx,u:1300:r-x,g::r-x,m::r-x,o::---')
  await p.chown('src/dir/program', 1201, 1202)
  await p.chmod('src/dir/program', 0o6755)
  await p.chmod('src/dir/private', 0o1700)
  const fd = await p.open('src/sparse', 'RDWR|CREAT')
  await p.pwrite(fd, 'island', 3 << 20)
  await p.ftruncate(fd, 5 << 20)
  await p.close(fd)
  await p.run([
    'find',
    'src',
    '-depth',
    '-exec',
    'touch',
    '-h',
    '-d',
    '@1234567890.123456789',
    '{}',
    '+',
  ])
}

const cases: Case[] = [
  {
    name: 'cp -a keeps everything',
    holes: true,
    run: async (x) => {
      const p = await x.process()
      await sample(p)
      await p.run(['cp', '-a', 'src', 'copy'])
      await p.run([
        'rsync',
        '-aHAXn',
        '--checksum',
        '--delete',
        '--itemize-changes',
        'src/',
        'copy/',
      ])
    },
  },
  {
    name: 'rsync -aHAX onto the directory and again',
    run: async (x) => {
      const p = await x.process()
      await sample(p)
      await p.run(['rsync', '-aHAXS', 'src/', 'copy/'])
      await p.run(['rsync', '-aHAX', '--itemize-changes', 'src/', 'copy/'])
      await p.put('src/file', 'changed')
      await p.unlink('src/dangling')
      await p.run(['rsync', '-aHAX', '--delete', '--inplace', 'src/', 'copy/'])
      await p.run([
        'rsync',
        '-aHAXn',
        '--checksum',
        '--delete',
        '--itemize-changes',
        'src/',
        'copy/',
      ])
    },
  },
  {
    name: 'tar out of the directory and back',
    run: async (x) => {
      const p = await x.process()
      await sample(p)
      const flags = ['--acls', '--xattrs', '--numeric-owner', '--sparse']
      await p.run(['tar', ...flags, '-cf', 'archive.tar', 'src'])
      await p.mkdir('out')
      await p.run(['tar', ...flags, '-C', 'out', '-xpf', 'archive.tar'])
      await p.run([
        'rsync',
        '-aHAn',
        '--checksum',
        '--delete',
        '--itemize-changes',
        'src/',
        'out/src/',
      ])
      await p.unlink('archive.tar')
    },
  },
  {
    name: 'mv within, install, ln, touch, mkfifo, dd, truncate, shred',
    run: async (x) => {
      const p = await x.process()
      await p.put('a', 'text\n')
      const script = [
        'mkdir d && mv a d/b && mv d e',
        'install -m 751 -o 33 -g 34 -D e/b x/y/z/installed',
        'ln e/b hard && ln -s e/b soft && ln -sfn e soft2',
        'touch -d @1000000000.5 old && touch -r old new',
        'mkfifo -m 640 pipe && mknod dev c 1 3',
        'dd if=/dev/zero of=dd bs=3000 count=7 seek=2 conv=notrunc status=none',
        'dd if=dd of=dd2 bs=4096 iflag=direct oflag=direct status=none; cmp dd dd2',
        'truncate -s 1M dd && truncate -s -5 dd && fallocate -l 10000 fa',
        'sed -i s/text/other/ e/b && cat hard e/b',
        'echo one >r; echo two >>r; (echo three >&3) 3>>r; cat r',
        'sort -o r r; split -l 1 r part-; ls',
        'shred -u -n 1 dd2; chmod -R g+w x; chown -R 7:8 x; find x -perm -020 | sort',
      ]
      for (const line of script) await p.run(['sh', '-c', line])
    },
  },
  {
    name: 'editors: a backup, a new file and a rename over, with the old one open',
    run: async (x) => {
      const [p, q] = [await x.process(), await x.process()]
      await p.put('text', 'version 1', 0o640)
      const fd = await q.open('text', 'RDONLY')
      for (let i = 2; i < 12; i++) {
        await p.link('text', 'text~')
        await p.put('.text.swp', `version ${i}`, 0o600)
        await p.fsync(await p.open('.text.swp', 'WRONLY'))
        await p.chmod('.text.swp', 0o640)
        await p.rename('.text.swp', 'text')
        await p.unlink('text~')
      }
      x.is((await q.pread(fd, 20, 0)).toString(), 'version 1', 'what was open')
      x.is((await p.get('text')).toString(), 'version 11', 'what is there')
    },
  },
  {
    name: 'a git repository: init, commits, branches, gc, a clone of it',
    run: async (x) => {
      const p = await x.process()
      const git = (...args: string[]) =>
        p.run(
          ['git', '-c', 'user.name=A', '-c', 'user.email=a@b', '-c', 'gc.auto=0', ...args],
          true,
        )
      x.is((await git('init', '-q', 'repo')).status, 0, 'init')
      await p.chdir('repo')
      for (let i = 0; i < 8; i++) {
        await p.put(`file${i % 3}`, `contents ${i}\n`.repeat(200))
        await git('add', '-A')
        x.is(
          (await git('commit', '-q', '--date=2020-01-01T00:00:00Z', '-m', `c${i}`)).status,
          0,
          'commit',
        )
      }
      await git('checkout', '-q', 'HEAD~4')
      await git('gc', '-q', '--prune=now')
      x.is((await git('fsck', '--strict')).status, 0, 'fsck')
      await p.chdir('..')
      x.is((await git('clone', '-q', 'repo', 'clone')).status, 0, 'clone')
      x.is((await git('-C', 'clone', 'fsck')).status, 0, 'fsck of the clone')
      await p.run(['rm', '-rf', 'repo', 'clone'])
    },
  },
  {
    name: 'an SQLite database in each journal mode',
    // What is left in a journal has random numbers in it.
    racy: true,
    run: async (x) => {
      const p = await x.process()
      for (const mode of ['delete', 'truncate', 'persist', 'wal']) {
        const rows = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300)'
        const sql = [
          `PRAGMA journal_mode=${mode};`,
          'CREATE TABLE t(i INTEGER PRIMARY KEY, text);',
          `${rows} INSERT INTO t SELECT i, hex(i*i) FROM n;`,
          'BEGIN; DELETE FROM t WHERE i%3=0; ROLLBACK;',
          'UPDATE t SET text=text||i WHERE i%7=0;',
          'SELECT count(*), sum(length(text)) FROM t; PRAGMA integrity_check;',
        ].join(' ')
        await p.run(['sqlite3', `${mode}.db`, sql])
      }
    },
  },
  {
    name: 'a program is compiled, linked and run',
    run: async (x) => {
      const p = await x.process()
      await p.put(
        'a.c',
        '#include <stdio.h>\nint b(void); int main(void) { printf("%d\\n", b()); }\n',
      )
      await p.put('b.c', 'int b(void) { return 42; }\n')
      await p.put('Makefile', 'p: a.o b.o\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -c -o $@ $<\n')
      await p.run(['make', '-s', '-j2'])
      await p.run(['./p'])
      await p.run(['strip', 'p'])
      await p.run(['./p'])
      await p.run(['make', '-q'], true)
    },
  },
]

await conform('tools', cases)
