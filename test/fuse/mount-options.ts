import t from 'tap'
import { MountOptionError, parseMountOptions } from '#fuse'
import { MS_NOATIME, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_SYNCHRONOUS } from '#posix'

void t.test('nothing given: nosuid and nodev, as with libfuse', async (t) => {
  for (const none of [undefined, '', [], [''], ',,']) {
    t.same(parseMountOptions(none), {
      flags: MS_NOSUID | MS_NODEV,
      flagNames: ['nosuid', 'nodev'],
      allowOther: false,
      autoUnmount: false,
      withoutEffect: [],
    })
  }
})

void t.test('flags set and clear bits, the later one wins', async (t) => {
  const flags = (list: string | string[]) => parseMountOptions(list).flags
  t.equal(flags('ro,noexec'), MS_NOSUID | MS_NODEV | MS_RDONLY | MS_NOEXEC)
  t.equal(flags('suid,dev'), 0)
  t.equal(flags('suid,dev,sync,noatime'), MS_SYNCHRONOUS | MS_NOATIME)
  t.equal(flags(['ro', 'rw']), MS_NOSUID | MS_NODEV)
  t.equal(flags(['rw,exec', 'ro,nosuid']), MS_NOSUID | MS_NODEV | MS_RDONLY)
  t.same(parseMountOptions('ro,dev').flagNames, ['nosuid', 'nodev', 'ro', 'dev'])
})

void t.test('values, with commas and backslashes escaped', async (t) => {
  const options = parseMountOptions('fsname=a\\,b\\\\c=d,subtype=x.y-1,max_read=65536,allow_other')
  t.match(options, { fsName: 'a,b\\c=d', subtype: 'x.y-1', maxRead: 65536, allowOther: true })
  t.equal(parseMountOptions('auto_unmount').autoUnmount, true)
  t.equal(parseMountOptions('fsname=a,fsname=b').fsName, 'b')
})

void t.test('options that people have and that change nothing are named', async (t) => {
  const list = 'nonempty,big_writes,uid=1000,gid=1000,kernel_cache,default_permissions,x-gvfs-hide'
  t.same(
    parseMountOptions(`${list},attr_timeout=1,defaults`).withoutEffect,
    'nonempty big_writes uid=1000 gid=1000 kernel_cache x-gvfs-hide attr_timeout=1'.split(' '),
  )
})

void t.test('unknown, malformed and refused options say which and why', async (t) => {
  for (const [list, option, why] of [
    ['allow_othr', 'allow_othr', /unknown/u],
    ['ro,frobnicate=1', 'frobnicate', /unknown/u],
    ['ro=1', 'ro', /takes no value/u],
    ['allow_other=yes', 'allow_other', /takes no value/u],
    ['fsname', 'fsname', /needs a value/u],
    ['fsname=', 'fsname', /needs a value/u],
    ['fsname=a\nb', 'fsname', /newline/u],
    ['subtype=a b', 'subtype', /bad name/u],
    ['max_read=1', 'max_read', /4096 to/u],
    ['max_read=1e5', 'max_read', /4096 to/u],
    ['max_read=2000000', 'max_read', /4096 to/u],
    ['allow_root', 'allow_root', /allow_other/u],
    ['umask=022', 'umask', /own permissions/u],
    ['writeback_cache', 'writeback_cache', /reorder/u],
    ['toString', 'toString', /unknown/u],
  ] as const) {
    try {
      parseMountOptions(list)
      t.fail(list)
    } catch (error) {
      t.ok(error instanceof MountOptionError)
      t.match(error, { code: 'EOPTION', option, message: why })
    }
  }
})
