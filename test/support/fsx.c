// fsx FILE OPERATIONS SEED: one process exercises one file in every way there is to read and write
// it, keeps in memory what the file must hold, and compares after each operation (the idea of
// Apple's fsx). Prints "equal", or the first difference with the operations before it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { size_max = 256 * 1024, step_max = 40 * 1024, history = 12, line = 80 };

static const char *path;
static int fd;
static char wanted[size_max], found[size_max + 1], data[size_max];
static off_t size;
static unsigned state;
static char past[history][line];
static long operation;

static void stop(const char *what) {
  printf("operation %ld: %s (%s)\n", operation, what, strerror(errno));
  for (long i = operation > history ? operation - history + 1 : 1; i <= operation; i++)
    printf("%ld %s\n", i, past[i % history]);
  exit(1);
}

static unsigned next(void) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

#define TELL(...) snprintf(past[operation % history], line, __VA_ARGS__)

static void fill(off_t at, size_t length) {
  for (size_t i = 0; i < length; i++) data[i] = next();
  if (at + (off_t)length > size) {
    memset(wanted + size, 0, at > size ? at - size : 0);
    size = at + length;
  }
  memcpy(wanted + at, data, length);
}

static void compare(off_t at, size_t length, const char *with) {
  for (size_t i = 0; i < length; i++) {
    if (with[i] == wanted[at + i]) continue;
    printf("byte %ld is 0x%02x, not 0x%02x\n", (long)(at + i), with[i] & 255, wanted[at + i] & 255);
    stop("the file differs");
  }
}

static void write_some(off_t at, size_t length) {
  int how = next() % 3;
  TELL("write %ld+%zu by %s", (long)at, length, (char *[]){"pwrite", "write", "writev"}[how]);
  fill(at, length);
  ssize_t done = -1;
  if (how == 0) done = pwrite(fd, data, length, at);
  if (how > 0 && lseek(fd, at, SEEK_SET) != at) stop("lseek");
  if (how == 1) done = write(fd, data, length);
  struct iovec parts[2] = {{data, length / 3}, {data + length / 3, length - length / 3}};
  if (how == 2) done = writev(fd, parts, 2);
  if (done != (ssize_t)length) stop("a write is short");
}

static void read_some(off_t at, size_t length) {
  TELL("read %ld+%zu", (long)at, length);
  ssize_t expected = at >= size ? 0 : size - at < (off_t)length ? size - at : (off_t)length;
  if (pread(fd, found, length, at) != expected) stop("a read has another length");
  compare(at, expected, found);
}

static void map_some(off_t at, size_t length, int writes) {
  if (at >= size) return;
  if (at + (off_t)length > size) length = size - at;
  TELL("%s mapped %ld+%zu", writes ? "write" : "read", (long)at, length);
  off_t page = at & ~4095l;
  char *map = mmap(NULL, at - page + length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
  if (map == MAP_FAILED) stop("mmap");
  if (writes) {
    fill(at, length);
    memcpy(map + (at - page), data, length);
    if (next() % 2 && msync(map, at - page + length, MS_SYNC)) stop("msync");
  } else {
    compare(at, length, map + (at - page));
  }
  munmap(map, at - page + length);
}

static void resize(off_t to) {
  TELL("truncate %ld to %ld", (long)size, (long)to);
  if (next() % 2 ? ftruncate(fd, to) : truncate(path, to)) stop("truncate");
  if (to > size) memset(wanted + size, 0, to - size);
  size = to;
}

static void allocate(off_t at, size_t length) {
  static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
  int mode = modes[next() % 5];
  TELL("fallocate %d %ld+%zu", mode, (long)at, length);
  if (fallocate(fd, mode, at, length)) {
    if (errno == EOPNOTSUPP) return;
    stop("fallocate");
  }
  off_t end = at + length;
  if (end > size && !(mode & FALLOC_FL_KEEP_SIZE)) {
    memset(wanted + size, 0, end - size);
    size = end;
  }
  if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && at < size)
    memset(wanted + at, 0, (end < size ? end : size) - at);
}

static void copy_within(off_t from, off_t to, size_t length) {
  if (from + (off_t)length > size || llabs(from - to) < (off_t)length) return;
  TELL("copy %ld+%zu to %ld", (long)from, length, (long)to);
  size_t left = length;
  loff_t in = from, out = to;
  while (left > 0) {
    ssize_t done = copy_file_range(fd, &in, fd, &out, left, 0);
    if (done <= 0) stop("copy_file_range");
    left -= done;
  }
  memcpy(data, wanted + from, length);
  if (to + (off_t)length > size) {
    memset(wanted + size, 0, to > size ? to - size : 0);
    size = to + length;
  }
  memcpy(wanted + to, data, length);
}

static void open_again(void) {
  TELL("open again");
  int flags = next() % 3 ? O_RDWR : O_RDWR | O_SYNC;
  if (next() % 2 && fsync(fd)) stop("fsync");
  if (close(fd)) stop("close");
  fd = open(path, flags);
  if (fd < 0) stop("open");
}

static void check_all(void) {
  struct stat st;
  if (fstat(fd, &st) || st.st_size != size) stop("another size");
  if (pread(fd, found, size + 1, 0) != size) stop("another length");
  compare(0, size, found);
}

int main(int argc, char **argv) {
  if (argc != 4) return 100;
  path = argv[1];
  state = atol(argv[3]);
  fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) stop("create");
  long count = atol(argv[2]);
  while (++operation <= count) {
    size_t length = 1 + next() % step_max;
    off_t at = next() % (size_max - length), other = next() % (size_max - length);
    unsigned what = next() % 20;
    if (what < 5) write_some(at, length);
    else if (what < 9) read_some(at, length);
    else if (what < 12) map_some(at, length, 1);
    else if (what < 14) map_some(at, length, 0);
    else if (what < 16) resize(next() % 3 ? at : at & ~4095l);
    else if (what < 18) allocate(at, length);
    else if (what < 19) copy_within(at, other, length);
    else open_again();
    if (operation % 10 == 0) check_all();
  }
  operation--;
  check_all();
  printf("equal\n");
  return 0;
}
