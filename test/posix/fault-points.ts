import t from 'tap'
import * as posix from '#posix'
import { clearFaults, errno, injectFault, type FaultCall } from '#posix'

// A row for each name; most fail in another way without their fault, none does harm.
const name = Buffer.from('x')
const out = Buffer.alloc(512)
const pair: [number, number] = [-1, -1]
const times = { atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0 }
const points: Record<FaultCall, (() => number)[]> = {
  openat: [() => posix.openat(-1, name, 0)],
  openat2: [() => posix.openat2(-1, name, 0, 0, 0)],
  close: [() => posix.close(-1)],
  dup: [() => posix.dup(-1)],
  dup3: [() => posix.dupOver(-1, 1000)],
  fcntl: [() => posix.fcntl(-1, 1), () => posix.pipeSize(-1), () => posix.setPipeSize(-1, 1)],
  reopen: [() => posix.reopen(-1, 0)],
  statx: [() => posix.statx(-1, name, 0, 0, out), () => posix.fstat(-1, out)],
  fstatfs: [() => posix.fstatfs(-1, out)],
  getdents64: [() => posix.getdents64(-1, out)],
  lseek: [() => posix.lseek(-1, 0, 0), () => posix.seekDirectory(-1, 0, 0)],
  mkdirat: [() => posix.mkdirat(-1, name, 0)],
  mknodat: [() => posix.mknodat(-1, name, 0, 0)],
  symlinkat: [() => posix.symlinkat(name, -1, name)],
  linkat: [() => posix.linkat(-1, name, -1, name), () => posix.linkFd(-1, -1, name)],
  unlinkat: [() => posix.unlinkat(-1, name)],
  renameat2: [() => posix.renameat2(-1, name, -1, name)],
  readlinkat: [() => posix.readlinkat(-1, name, out)],
  fchownat: [() => posix.fchownat(-1, name, 0, 0)],
  fchown: [() => posix.fchown(-1, 0, 0)],
  fchmodat: [() => posix.fchmodat(-1, name, 0)],
  fchmodat2: [() => posix.fchmodat(-1, name, 0)],
  fchmod: [() => posix.fchmod(-1, 0)],
  utimensat: [() => posix.utimensat(-1, name, times)],
  futimens: [() => posix.futimens(-1, times)],
  read: [() => posix.read(-1, out, 0, 1), () => posix.eventfdClear(-1)],
  write: [() => posix.write(-1, out, 0, 1), () => posix.eventfdSignal(-1)],
  pread: [() => posix.pread(-1, out, 0, 1, 0)],
  pwrite: [() => posix.pwrite(-1, out, 0, 1, 0)],
  ftruncate: [() => posix.ftruncate(-1, 0)],
  fallocate: [() => posix.fallocate(-1, 0, 0, 1)],
  copy_file_range: [() => posix.copyFileRange(-1, 0, -1, 0, 1)],
  fsync: [() => posix.fsync(-1)],
  fdatasync: [() => posix.fdatasync(-1)],
  syncfs: [() => posix.syncfs(-1)],
  sync_file_range: [() => posix.writePages(-1)],
  flock: [() => posix.flock(-1, 0)],
  poll: [() => posix.poll(new posix.PollSet(1), 0)],
  eventfd: [() => posix.eventfd()],
  ioctl: [() => posix.ioctl(-1, 0, 0)],
  mount: [() => posix.mount(name, name, '\0', 0, '')],
  umount2: [() => posix.umount2(name, -1)],
  setxattr: [() => posix.fsetxattr(-1, name, name), () => posix.setxattrat(-1, name, name, name)],
  getxattr: [() => posix.fgetxattr(-1, name, out), () => posix.getxattrat(-1, name, name, out)],
  listxattr: [() => posix.flistxattr(-1, out), () => posix.listxattrat(-1, name, out)],
  removexattr: [() => posix.fremovexattr(-1, name), () => posix.removexattrat(-1, name, name)],
  getsockopt: [() => posix.peerCredentials(-1, { pid: 0, uid: 0, gid: 0 })],
  socket: [() => posix.sendDatagram(name, out)],
  sendto: [() => posix.sendDatagram(name, out)],
  socketpair: [() => posix.socketpair(99, pair)],
  sendmsg: [() => posix.sendmsg(-1, out, 0, 1, [])],
  recvmsg: [() => posix.recvmsg(-1, out, 0, 1, [])],
  send: [() => posix.send(-1, out, 0, 1)],
  pipe2: [() => posix.pipe2(pair, 1)],
  setfsuid: [() => posix.setfsuid(-1)],
  setfsgid: [() => posix.setfsgid(-1)],
  sched_setattr: [() => posix.setTimeSlice(0)],
  prlimit: [() => posix.fileLimit(), () => posix.raiseFileLimit(1)],
}

t.afterEach(() => clearFaults())

for (const [call, wrappers] of Object.entries(points) as [FaultCall, (() => number)[]][]) {
  void t.test(`${call} can be made to fail, once`, (t) => {
    for (const wrapper of wrappers) {
      injectFault({ call, nth: 1, errno: errno.EUCLEAN })
      t.equal(wrapper(), -errno.EUCLEAN)
      t.not(wrapper(), -errno.EUCLEAN)
      clearFaults()
    }
    t.end()
  })
}
