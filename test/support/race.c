// race append FILE WRITERS COUNT   processes append lines; then each line must be there, whole
// race replace FILE READERS COUNT  one process replaces the file by rename, the others must always
//                                  find one whole generation of it
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { line_size = 100 };

static const char *path;
static int count;

static void die(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}

// Runs `work` in `many` processes at once; whether all ended well.
static int in_processes(int many, void (*work)(int who)) {
  fflush(stdout);
  for (int who = 0; who < many; who++) {
    if (fork()) continue;
    work(who);
    exit(0);
  }
  int status, failed = 0;
  while (wait(&status) > 0) failed |= status != 0;
  return !failed;
}

static void append(int who) {
  char line[line_size + 1];
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (fd < 0) die("open");
  for (int i = 0; i < count; i++) {
    memset(line, '.', line_size);
    line[snprintf(line, line_size / 2, "%d %d", who, i)] = ' ';
    line[line_size - 1] = '\n';
    if (write(fd, line, line_size) != line_size) die("write");
  }
}

static int appended(int writers) {
  char line[line_size + 1] = {0};
  int *seen = calloc(writers, sizeof *seen);
  FILE *file = fopen(path, "r");
  if (!file || !seen) die("read");
  for (long n = 0; n < (long)writers * count; n++) {
    int who, i;
    if (fread(line, line_size, 1, file) != 1) die("a line is missing");
    if (sscanf(line, "%d %d ", &who, &i) != 2 || who >= writers || line[line_size - 1] != '\n' ||
        seen[who]++ != i) {
      printf("line %ld is not whole or not in order: %s\n", n, line);
      return 0;
    }
  }
  return fgetc(file) == EOF;
}

enum { generation_size = 5000 };

static void replace(int who) {
  char data[generation_size + 1], other[400];
  snprintf(other, sizeof other, "%s.new", path);
  for (int i = 0; who == 0 && i < count; i++) {
    int fd = open(other, O_WRONLY | O_CREAT | O_EXCL, 0644);
    memset(data, 'a' + i % 26, generation_size);
    if (fd < 0 || write(fd, data, generation_size) != generation_size || close(fd)) die("write");
    if (rename(other, path)) die("rename");
  }
  for (int i = 0; who > 0 && i < count; i++) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) die("open");
    ssize_t got = read(fd, data, sizeof data);
    if (got < 0) die("read");
    if (got != generation_size || memcmp(data, data + 1, generation_size - 1)) {
      printf("%zd bytes, '%c' to '%c'\n", got, data[0], data[generation_size - 1]);
      exit(1);
    }
    struct stat st;
    if (fstat(fd, &st) || stat(path, &st)) die("stat");
    close(fd);
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 100;
  int many = atoi(argv[3]);
  path = argv[2];
  count = atoi(argv[4]);
  if (!strcmp(argv[1], "append")) {
    int ok = in_processes(many, append) && appended(many);
    if (ok) printf("whole\n");
    return !ok;
  }
  if (!strcmp(argv[1], "replace")) {
    count = 1;
    replace(0);
    count = atoi(argv[4]);
    int ok = in_processes(many + 1, replace);
    if (ok) printf("whole\n");
    return !ok;
  }
  return 100;
}
