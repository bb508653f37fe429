// blocks KIND FILE ROUNDS: two processes take turns on a file of 16 blocks under a lock (fcntl or
// flock). Each turn reads all blocks, which must be as the last turn of whoever left them, and
// writes some: a byte that is older than the last finished write is an error, told on stdout.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { blocks = 16, block_size = 1000 };

struct shared {
  unsigned turn[blocks]; // the turn that wrote each block last
  unsigned turns;
};

static void die(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

static void lock(int fd, int by_flock, int take) {
  struct flock range = {.l_type = take ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET};
  if (by_flock ? flock(fd, take ? LOCK_EX : LOCK_UN) : fcntl(fd, F_SETLKW, &range)) die("lock");
}

static void expected(char *block, unsigned turn, int index) {
  memset(block, 0, block_size);
  if (turn == 0) return;
  snprintf(block, block_size, "turn %u block %d", turn, index);
  memset(block + 100, 'a' + turn % 26, block_size - 100);
}

static void take_turn(int fd, struct shared *shared, unsigned *random) {
  static char want[block_size], have[block_size];
  for (int i = 0; i < blocks; i++) {
    expected(want, shared->turn[i], i);
    ssize_t got = pread(fd, have, block_size, (off_t)i * block_size);
    if (got != block_size) die("short read");
    if (memcmp(want, have, block_size)) {
      have[40] = 0;
      printf("block %d: expected turn %u, found \"%s\"\n", i, shared->turn[i], have);
      exit(1);
    }
  }
  unsigned turn = ++shared->turns;
  for (int n = 0; n < 5; n++) {
    *random = *random * 1664525u + 1013904223u;
    int i = (*random >> 16) % blocks;
    expected(want, turn, i);
    if (pwrite(fd, want, block_size, (off_t)i * block_size) != block_size) die("write");
    shared->turn[i] = turn;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 100;
  int by_flock = !strcmp(argv[1], "flock");
  int fd = open(argv[2], O_RDWR | O_CREAT | O_EXCL, 0644);
  if (fd < 0 || ftruncate(fd, blocks * block_size)) die("create");
  close(fd);
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int who = 0; who < 2; who++) {
    if (fork()) continue;
    unsigned random = who + 1;
    fd = open(argv[2], O_RDWR);
    if (fd < 0) die("open");
    for (int round = atoi(argv[3]); round > 0; round--) {
      lock(fd, by_flock, 1);
      take_turn(fd, shared, &random);
      lock(fd, by_flock, 0);
    }
    exit(0);
  }
  int status, failed = 0;
  while (wait(&status) > 0) failed |= status != 0;
  if (!failed) printf("equal\n");
  return failed;
}
