// uring DIR: the same small changes by io_uring and by the older kernel AIO, which reach a file
// system by other ways than system calls do. Prints each result, or that the kernel has none.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ring;
static char *sq, *cq;
static struct io_uring_sqe *entries;
static struct io_uring_params params;

static int setup(void) {
  ring = syscall(SYS_io_uring_setup, 8, &params);
  if (ring < 0) return -1;
  size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  int prot = PROT_READ | PROT_WRITE;
  sq = mmap(NULL, sq_size, prot, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  cq = mmap(NULL, cq_size, prot, MAP_SHARED, ring, IORING_OFF_CQ_RING);
  entries = mmap(NULL, params.sq_entries * sizeof *entries, prot, MAP_SHARED, ring, IORING_OFF_SQES);
  return sq == MAP_FAILED || cq == MAP_FAILED || entries == MAP_FAILED ? -1 : 0;
}

// One request, waited for; its result.
static int submit(struct io_uring_sqe request) {
  unsigned *tail = (unsigned *)(sq + params.sq_off.tail);
  unsigned index = *tail & *(unsigned *)(sq + params.sq_off.ring_mask);
  entries[index] = request;
  ((unsigned *)(sq + params.sq_off.array))[index] = index;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1) return -errno;
  unsigned *head = (unsigned *)(cq + params.cq_off.head);
  while (__atomic_load_n((unsigned *)(cq + params.cq_off.tail), __ATOMIC_ACQUIRE) == *head) usleep(100);
  struct io_uring_cqe *done = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
  int result = done[*head & *(unsigned *)(cq + params.cq_off.ring_mask)].res;
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
  return result;
}

static void tell(const char *what, int result) {
  printf("%s: %s\n", what, result < 0 ? strerror(-result) : "done");
}

static void by_ring(void) {
  struct io_uring_sqe at = {.fd = AT_FDCWD}, r;
  r = at, r.opcode = IORING_OP_OPENAT, r.addr = (long)"ring", r.len = 0640, r.open_flags = O_RDWR | O_CREAT;
  int fd = submit(r);
  tell("openat", fd);
  char text[] = "written by a ring", back[100] = {0};
  struct io_uring_sqe on = {.fd = fd};
  for (int i = 0; i < 200; i++) {
    r = on, r.opcode = IORING_OP_WRITE, r.addr = (long)text, r.len = sizeof text - 1, r.off = i * 1000;
    int result = submit(r);
    if (result != sizeof text - 1) tell("write", result);
  }
  r = on, r.opcode = IORING_OP_READ, r.addr = (long)back, r.len = 99, r.off = 199000;
  tell("read", submit(r));
  printf("%s\n", back);
  r = on, r.opcode = IORING_OP_FALLOCATE, r.off = 300000, r.addr = 5000, r.len = 0;
  tell("fallocate", submit(r));
  r = on, r.opcode = IORING_OP_FSYNC;
  tell("fsync", submit(r));
  r = at, r.opcode = IORING_OP_MKDIRAT, r.addr = (long)"dir", r.len = 0750;
  tell("mkdirat", submit(r));
  r = at, r.opcode = IORING_OP_RENAMEAT, r.addr = (long)"ring", r.addr2 = (long)"dir/renamed", r.len = AT_FDCWD;
  tell("renameat", submit(r));
  r = at, r.opcode = IORING_OP_LINKAT, r.addr = (long)"dir/renamed", r.addr2 = (long)"link", r.len = AT_FDCWD;
  tell("linkat", submit(r));
  r = at, r.opcode = IORING_OP_SYMLINKAT, r.addr = (long)"target", r.addr2 = (long)"symlink";
  tell("symlinkat", submit(r));
  r = at, r.opcode = IORING_OP_UNLINKAT, r.addr = (long)"dir/renamed";
  tell("unlinkat", submit(r));
  r = on, r.opcode = IORING_OP_CLOSE;
  tell("close", submit(r));
}

static void by_aio(void) {
  aio_context_t context = 0;
  int fd = open("aio", O_RDWR | O_CREAT | O_DIRECT, 0644);
  char *data = NULL;
  if (fd < 0 || posix_memalign((void **)&data, 4096, 65536)) exit(1);
  if (syscall(SYS_io_setup, 16, &context)) return tell("io_setup", -errno);
  struct iocb jobs[16], *list[16];
  for (int i = 0; i < 16; i++) {
    memset(data + i * 4096, 'a' + i, 4096);
    jobs[i] = (struct iocb){.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd,
                            .aio_buf = (unsigned long)data + i * 4096, .aio_nbytes = 4096,
                            .aio_offset = i * 8192};
    list[i] = &jobs[i];
  }
  struct io_event events[16];
  int sent = syscall(SYS_io_submit, context, 16, list);
  int done = sent < 0 ? -errno : (int)syscall(SYS_io_getevents, context, sent, 16, events, NULL);
  printf("aio: %d written\n", done);
  for (int i = 0; i < done; i++)
    if (events[i].res != 4096) printf("a result is %ld\n", (long)events[i].res);
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1])) return 100;
  setvbuf(stdout, NULL, _IOLBF, 0);
  by_aio();
  if (setup()) tell("io_uring", -errno);
  else by_ring();
  return 0;
}
