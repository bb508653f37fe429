// What is mounted inside the store is refused, unless it is left out.

import t from 'tap'
import { JournalPlace } from '../support/journal-place.js'

void t.test('a file system, a bound directory or file inside the store', async (t) => {
  const place = new JournalPlace(t)
  const { store } = place
  place.prepare("mkdir -p disk in/bound; echo 1 > file; echo 2 > 'bound file'")
  const mounts: [string, string][] = [
    ['disk', `mount -t tmpfs tmpfs ${store}/disk`],
    ['in/bound', `mount --bind ${store}/in ${store}/in/bound`],
    ['bound file', `mount --bind ${store}/file '${store}/bound file'`],
  ]
  const exclude = (path: string) => `--exclude=/${path}`
  for (const [path, mount] of mounts) {
    place.sh(mount)
    try {
      const refused = place.record(
        'touch x',
        mounts.map(([p]) => exclude(p)).filter((e) => e !== exclude(path)),
      )
      t.equal(refused.status, 100, refused.stderr)
      t.match(refused.stderr, `/${path}`)
      t.notOk(place.isMounted)
      const { status, stderr } = place.record(`touch 'beside ${path.replace('/', ' ')}'`, [
        exclude(path),
      ])
      t.equal(status, 0, stderr)
    } finally {
      place.sh(`umount '${store}/${path}'`)
    }
    t.equal(place.differences(), '')
  }
})

void t.test(
  'a mount that another one hides does not count, nor does one beside the store',
  async (t) => {
    const place = new JournalPlace(t)
    const { store } = place
    place.sh(`mkdir ${store}/sub ${store}-2; mount -t tmpfs a ${store}/sub`)
    place.sh(`mount -t tmpfs -o mode=755 b ${store}`)
    place.sh(`mount -t tmpfs c ${store}-2`)
    try {
      const { status, stderr } = place.record('mkdir sub; echo x > sub/f')
      t.equal(status, 0, stderr)
      t.equal(place.differences(), '')
    } finally {
      place.sh(`umount ${store}; umount ${store}/sub; umount ${store}-2`)
    }
  },
)

void t.test('what is mounted and left out has inode numbers of its own', async (t) => {
  const place = new JournalPlace(t)
  const { store } = place
  place.sh(`mount -t tmpfs -o mode=755 a ${store}`)
  place.prepare('mkdir sub d', '/sub')
  place.sh(`mount -t tmpfs b ${store}/sub; mkdir ${store}/sub/d; echo inner > ${store}/sub/f`)
  try {
    // find and du refuse to go where they have been, cp to copy a file onto itself.
    const script = `
      find . | sort > ../found; du -a . > ../sizes
      echo outer > f; cp f sub/f; cat sub/f > ../copied
      stat -c %i sub/d sub/f > ../by-stat; ls -1i sub | awk '{ print $1 }' > ../by-ls
      rm -r sub/d; test ! -e sub/d`
    const { status, stderr } = place.record(script, ['--exclude=/sub'])
    t.equal(status, 0, stderr)
    const told = (name: string) => place.sh(`cat ${place.dir}/${name}`)
    t.equal(told('found'), '.\n./d\n./sub\n./sub/d\n./sub/f\n')
    t.match(told('sizes'), './sub/f')
    t.equal(told('copied'), 'outer\n')
    t.equal(told('by-ls'), told('by-stat'))
    t.equal(place.differences('/sub'), '')
  } finally {
    place.sh(`umount ${store}/sub; umount ${store}`)
  }
})
