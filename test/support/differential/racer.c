// Many processes at once in few places, at full speed for some seconds.
//   racer names DIR SECONDS SEED    makes, links, renames, writes and removes among few names
//   racer inode DIR SECONDS SEED    eight processes write, cut and read one file under three names
//   racer owned DIR SECONDS SEED    the same without cutting: each finds again what it wrote
// Prints how many calls succeeded. Exits 1 when a process read what nobody wrote, 111 when the
// system failed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { processes = 8, directories = 3, names = 6, file_max = 256 << 10, piece = 1000, pieces = 200 };

static unsigned long state;
static unsigned draw(unsigned limit) {
  state = state * 6364136223846793005ul + 1442695040888963407ul;
  return (state >> 33) % limit;
}

static void die(const char *what) {
  fprintf(stderr, "racer: %s: %s\n", what, strerror(errno));
  _exit(111);
}

// One of the few paths, in turn in one of four buffers.
static const char *path(void) {
  static char text[4][64];
  static int turn;
  char *at = text[turn++ % 4];
  unsigned dir = draw(directories + 1), name = draw(names);
  if (dir == directories) sprintf(at, "n%u", name);
  else if (draw(4) == 0) sprintf(at, "d%u/s%u/n%u", dir, draw(2), name);
  else sprintf(at, "d%u/n%u", dir, name);
  return at;
}

// A directory that comes and goes, and moves.
static const char *moving(void) {
  static char text[2][64];
  static int turn;
  char *at = text[turn++ % 2];
  sprintf(at, "d%u/s%u", draw(directories), draw(2));
  return at;
}

static int write_some(int fd) {
  static char data[9000];
  size_t size = draw(sizeof data);
  memset(data, 1 + draw(255), size);
  int done = draw(3) ? pwrite(fd, data, size, draw(20000)) >= 0 : ftruncate(fd, draw(20000)) == 0;
  if (draw(8) == 0) done += fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, draw(9000), 5000) == 0;
  if (draw(8) == 0) done += fchmod(fd, 0600 + draw(64)) == 0;
  if (draw(8) == 0) done += fsetxattr(fd, "user.racer", data, draw(50), 0) == 0;
  return done;
}

static int open_and_write(void) {
  static int kept = -1; // stays open while its name goes
  int fd = open(path(), O_RDWR | O_NOFOLLOW | (draw(2) ? O_CREAT : 0) | (draw(4) ? 0 : O_TRUNC), 0644);
  int done = kept >= 0 ? write_some(kept) : 0;
  if (fd < 0) return done;
  done += 1 + write_some(fd);
  if (kept >= 0) close(kept);
  kept = fd;
  return done;
}

static int name_call(void) {
  switch (draw(12)) {
  case 0: case 1: case 2: return open_and_write();
  case 3: case 4: return renameat2(AT_FDCWD, path(), AT_FDCWD, path(), draw(4) ? 0 : RENAME_NOREPLACE) == 0;
  case 5: return renameat2(AT_FDCWD, path(), AT_FDCWD, path(), RENAME_EXCHANGE) == 0;
  case 6: case 7: return link(path(), path()) == 0;
  case 8: return unlink(path()) == 0;
  case 9: return draw(2) ? mkdir(moving(), 0755) == 0 : rmdir(moving()) == 0;
  case 10: return renameat2(AT_FDCWD, moving(), AT_FDCWD, moving(), draw(2) ? 0 : RENAME_EXCHANGE) == 0;
  default: return draw(2) ? symlink("n1", path()) == 0 : truncate(path(), draw(30000)) == 0;
  }
}

// What each process knows of the pieces that it alone writes.
static unsigned char known[pieces];

static int owned_call(int who, int fd) {
  static unsigned char data[piece];
  int i = draw(pieces / processes) * processes + who;
  if (draw(2)) {
    known[i] = 1 + draw(255);
    memset(data, known[i], piece);
    if (pwrite(fd, data, piece, (off_t)i * piece) != piece) die("pwrite");
    return 1;
  }
  ssize_t got = pread(fd, data, piece, (off_t)i * piece);
  if (got < 0) die("pread");
  if (known[i] == 0) return 1;
  for (int at = 0; at < piece; at++) {
    if (at < got && data[at] == known[i]) continue;
    fprintf(stderr, "racer: process %d: byte %d of piece %d is %d of %zd, not %d\n", who, at, i, data[at], got,
            known[i]);
    _exit(1);
  }
  return 1;
}

static int inode_call(int fd) {
  static char data[20000];
  off_t from = draw(file_max);
  size_t size = draw(sizeof data);
  switch (draw(10)) {
  case 0: case 1: case 2: case 3:
    memset(data, 1 + draw(255), size);
    return pwrite(fd, data, size, from) == (ssize_t)size;
  case 4: case 5: return pread(fd, data, size, from) >= 0;
  case 6: return ftruncate(fd, from) == 0;
  case 7: return truncate("n1", from) == 0;
  case 8: return fallocate(fd, draw(2) ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : 0, from, size + 1) == 0;
  default: return draw(20) ? rename("n1", "n2") == 0 || rename("n2", "n1") == 0 : fsync(fd) == 0;
  }
}

static void race(const char *how, int who, int seconds, long *count) {
  int fd = -1;
  // The names lead to one inode; n1 and n2 change places with each other.
  static const char *const paths[] = {"n0", "d0/n0", "d1/n0"};
  if (strcmp(how, "names")) fd = open(paths[who % 3], O_RDWR);
  if (strcmp(how, "names") && fd < 0) die("open");
  struct timespec now, start;
  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    for (int i = 0; i < 20; i++)
      *count += fd < 0 ? name_call() : *how == 'o' ? owned_call(who, fd) : inode_call(fd);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec - start.tv_sec < seconds);
  _exit(0);
}

static void set_up(const char *how) {
  for (int i = 0; i < directories; i++) {
    char name[16];
    sprintf(name, "d%d", i);
    if (mkdir(name, 0755)) die("mkdir");
  }
  if (!strcmp(how, "names")) return;
  int fd = open("n0", O_RDWR | O_CREAT | O_EXCL, 0644);
  if (fd < 0 || link("n0", "d0/n0") || link("n0", "d1/n0") || link("n0", "n1")) die("the one file");
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 5) return 100;
  if (chdir(argv[2])) die(argv[2]);
  set_up(argv[1]);
  long *counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (counts == MAP_FAILED) die("mmap");
  for (int who = 0; who < processes; who++) {
    state = strtoul(argv[4], NULL, 10) * 1000 + who;
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) race(argv[1], who, atoi(argv[3]), &counts[who]);
  }
  int worst = 0, status;
  while (wait(&status) > 0) {
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 111;
    if (code > worst) worst = code;
  }
  long total = 0;
  for (int who = 0; who < processes; who++) total += counts[who];
  printf("%ld\n", total);
  return worst;
}
