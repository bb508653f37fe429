// Prints a tree, one line an entry, sorted by name, all by descriptors so that no depth or path
// is too long: what rsync compares and what it does not (link counts, allocated blocks).
// Fields, separated by tabs: path, type and mode (octal), uid, gid, nlink, size, rdev, mtime,
// inode, blocks, hash of the xattrs, hash of the content or the link's target.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

typedef unsigned long u64;

enum { path_room = 1 << 20, block = 4096, list_room = 1 << 16, value_room = 1 << 16 };
static char path[path_room];
static const u64 hash_start = 14695981039346656037ul;

static void die(const char *what) {
  fprintf(stderr, "walk: %s: %s: %s\n", path, what, strerror(errno));
  exit(1);
}

static u64 hash(u64 h, const void *data, size_t size) {
  const unsigned char *byte = data;
  for (size_t i = 0; i < size; i++) h = (h ^ byte[i]) * 1099511628211ul;
  return h;
}

static void put_escaped(const char *text) {
  for (; *text; text++) {
    if (*text > ' ' && *text < 127 && *text != '\\') putchar(*text);
    else printf("\\x%02x", (unsigned char)*text);
  }
}

// Only blocks that are not all zero count, so that a hole equals the zeros it reads as.
static u64 hash_content(int fd) {
  static const char zeros[block];
  static char data[block];
  u64 h = hash_start;
  off_t at = 0, start;
  while ((start = lseek(fd, at, SEEK_DATA)) >= 0) {
    off_t end = lseek(fd, start, SEEK_HOLE);
    if (end < 0) die("SEEK_HOLE");
    for (at = start - start % block; at < end; at += block) {
      ssize_t got = pread(fd, data, block, at);
      if (got < 0) die("read");
      if (!memcmp(data, zeros, got)) continue;
      // The tail of the last block counts as the zeros it would read as.
      memset(data + got, 0, block - got);
      u64 index = at;
      h = hash(hash(h, &index, sizeof index), data, block);
    }
  }
  if (errno != ENXIO) die("SEEK_DATA");
  return h;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

// Attributes of the entry `name` of the directory `fd`, symbolic links not followed.
static u64 hash_xattrs(const char *link_path) {
  static char list[list_room], value[value_room];
  char *names[4096];
  ssize_t length = llistxattr(link_path, list, sizeof list);
  if (length < 0) {
    if (errno == EOPNOTSUPP) return hash_start;
    die("llistxattr");
  }
  int count = 0;
  for (ssize_t at = 0; at < length && count < 4096; at += strlen(list + at) + 1) names[count++] = list + at;
  qsort(names, count, sizeof *names, by_text);
  u64 h = hash_start;
  for (int i = 0; i < count; i++) {
    ssize_t size = lgetxattr(link_path, names[i], value, sizeof value);
    if (size < 0) die("lgetxattr");
    h = hash(hash(h, names[i], strlen(names[i]) + 1), value, size);
  }
  return h;
}

static void put_entry(int dir, const char *name) {
  struct stat st;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) die("stat");
  char by_descriptor[300];
  snprintf(by_descriptor, sizeof by_descriptor, "/proc/self/fd/%d/%s", dir, name);
  put_escaped(path[0] ? path : ".");
  printf("\t%06o\t%u\t%u\t%lu\t%ld\t%u:%u\t%ld.%09ld\t%lu\t%ld\t%016lx\t", st.st_mode, st.st_uid, st.st_gid,
         (u64)st.st_nlink, S_ISDIR(st.st_mode) ? 0l : (long)st.st_size,
         S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? major(st.st_rdev) : 0,
         S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) ? minor(st.st_rdev) : 0, st.st_mtim.tv_sec,
         st.st_mtim.tv_nsec, (u64)st.st_ino, (long)st.st_blocks, hash_xattrs(by_descriptor));
  if (S_ISLNK(st.st_mode)) {
    char target[8192];
    ssize_t size = readlinkat(dir, name, target, sizeof target - 1);
    if (size < 0) die("readlink");
    target[size] = 0;
    put_escaped(target);
  } else if (S_ISREG(st.st_mode)) {
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) die("open");
    printf("%016lx", hash_content(fd));
    close(fd);
  }
  putchar('\n');
}

static void walk(int fd, size_t length) {
  size_t count = 0, room = 64;
  char **names = malloc(room * sizeof *names);
  DIR *dir = fdopendir(fd);
  if (!dir) die("fdopendir");
  struct dirent *entry;
  while ((entry = readdir(dir))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    // What the mirror keeps for itself.
    if (length == 0 && !strcmp(entry->d_name, ".tfs")) continue;
    if (count == room) names = realloc(names, (room *= 2) * sizeof *names);
    names[count++] = strdup(entry->d_name);
  }
  qsort(names, count, sizeof *names, by_text);
  for (size_t i = 0; i < count; i++) {
    size_t more = strlen(names[i]);
    if (length + more + 2 > path_room) die("path too long");
    size_t at = length;
    if (length) path[at++] = '/';
    memcpy(path + at, names[i], more + 1);
    put_entry(fd, names[i]);
    int below = openat(fd, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) walk(below, at + more);
    else if (errno != ENOTDIR && errno != ELOOP && errno != ENXIO) die("opendir");
    path[length] = 0;
    free(names[i]);
  }
  free(names);
  closedir(dir);
}

int main(int argc, char **argv) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (argc != 2) return 100;
  int root = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) {
    snprintf(path, sizeof path, "%s", argv[1]);
    die("open");
  }
  put_entry(root, ".");
  walk(root, 0);
  return 0;
}
