// The calls an actor can make by name. Only those that every architecture has; the older ones
// (open, mkdir, rename ...) are special cases of these.
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define C(name) {#name, SYS_##name},
static const struct {
  const char *name;
  long number;
} calls[] = {
  C(openat) C(openat2) C(close) C(read) C(write) C(pread64) C(pwrite64) C(readv) C(writev)
  C(preadv2) C(pwritev2) C(lseek) C(statx) C(mkdirat) C(unlinkat) C(renameat2) C(linkat)
  C(symlinkat) C(readlinkat) C(mknodat) C(fchmodat) C(fchmod) C(fchownat) C(fchown) C(truncate)
  C(ftruncate) C(fallocate) C(utimensat) C(faccessat) C(faccessat2) C(setxattr) C(lsetxattr)
  C(fsetxattr) C(getxattr) C(lgetxattr) C(fgetxattr) C(listxattr) C(llistxattr) C(flistxattr)
  C(removexattr) C(lremovexattr) C(fremovexattr) C(statfs) C(fstatfs) C(fsync) C(fdatasync)
  C(syncfs) C(sync_file_range) C(readahead) C(fadvise64) C(mmap) C(munmap) C(msync) C(mremap)
  C(madvise) C(flock) C(fcntl) C(copy_file_range) C(sendfile) C(splice) C(pipe2) C(dup) C(dup3)
  C(chdir) C(fchdir) C(getcwd) C(umask) C(getdents64) C(ioctl) C(socket) C(bind) C(listen)
  C(connect) C(accept4) C(setgroups) C(setresuid) C(setresgid) C(setfsuid) C(prlimit64)
  C(inotify_init1) C(inotify_add_watch) C(inotify_rm_watch) C(name_to_handle_at) C(chroot)
  C(memfd_create) C(unshare) C(execveat)
#ifdef SYS_close_range
  C(close_range)
#endif
#ifdef SYS_fchmodat2
  C(fchmodat2)
#endif
};
#undef C

static inline long call_number(const char *name) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (!strcmp(calls[i].name, name)) return calls[i].number;
  return -1;
}
