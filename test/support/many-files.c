// Makes very many files: DIRECTORY COUNT. Half of them are empty and the others small; a tenth is in
// one directory, a tenth in a chain of directories, each in the one before, the others in
// directories of a hundred at most. One of fifty is another name of the file before it, one of a
// hundred a symbolic link.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { in_directory = 100, depth_max = 200, size_max = 400 };

static void die(const char *what, const char *name) {
  fprintf(stderr, "many-files: %s: %s: %s\n", what, name, strerror(errno));
  exit(1);
}

static int enter(int at, const char *name) {
  if (mkdirat(at, name, 0755) < 0) die("mkdir", name);
  int fd = openat(at, name, O_RDONLY | O_DIRECTORY);
  if (fd < 0) die("open", name);
  return fd;
}

static void make(int at, unsigned n, int has_before) {
  char name[32], before[32], data[size_max + 16];
  snprintf(name, sizeof name, "file-%u", n);
  snprintf(before, sizeof before, "file-%u", n - 1);
  if (has_before && n % 50 == 7) {
    if (linkat(at, before, at, name, 0) < 0) die("link", name);
    return;
  }
  if (n % 100 == 13) {
    if (symlinkat(before, at, name) < 0) die("symlink", name);
    return;
  }
  int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL, n % 9 ? 0644 : 0600);
  if (fd < 0) die("create", name);
  if (n % 2) {
    int head = snprintf(data, sizeof data, "%u ", n * 2654435761u);
    size_t size = 1 + n % size_max;
    memset(data + head, 'a' + n % 26, sizeof data - head);
    if (write(fd, data, size) != (ssize_t)size) die("write", name);
  }
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 3) return 100;
  unsigned count = strtoul(argv[2], 0, 10), n = 0;
  int root = open(argv[1], O_RDONLY | O_DIRECTORY);
  if (root < 0) die("open", argv[1]);
  int wide = enter(root, "wide");
  for (unsigned first = n; n < count / 10; n++) make(wide, n, n > first);
  int deep = enter(root, "deep");
  unsigned each = count / 10 / depth_max + 1;
  for (int level = 0; level < depth_max; level++) {
    for (unsigned i = 0; i < each; i++) make(deep, n++, i > 0);
    int below = enter(deep, "d");
    close(deep);
    deep = below;
  }
  for (unsigned number = 0; n < count; number++) {
    char name[64];
    snprintf(name, sizeof name, "s%u", number / 100 % 100);
    if (number % 100 == 0) mkdirat(root, name, 0755);
    int section = openat(root, name, O_RDONLY | O_DIRECTORY);
    snprintf(name, sizeof name, "directory-%u", number);
    int directory = enter(section, name);
    for (unsigned i = 0; i < in_directory && n < count; i++) make(directory, n++, i > 0);
    close(directory);
    close(section);
  }
  return 0;
}
