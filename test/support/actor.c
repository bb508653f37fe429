// A process that makes the system calls its standard input asks for, one a line, and answers each
// with a line: the result, errno, and what came back in memory. The tests say what to call; this
// program holds the descriptors, the working directory and the identity. actor.ts speaks to it.
//
// A request is a call's name and its arguments, separated by spaces:
//   n<decimal>       a number            s<hex>  a string, NUL added      b<hex>  bytes to read
//   x<hex>           bytes read and returned       o<length>  memory, all of it returned
//   r<length>        memory, as much returned as the call says            h<length>  same, as a hash
//   f<length>,<seed> a pattern to read   v<hex>,<hex>...  iovec to read   w<len>,<len>  iovec to fill
#define _GNU_SOURCE
#include "actor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { args_max = 64, iov_max = 16 };

struct arg {
  char kind;
  long value; // what the call gets: a number or an address
  char *memory;
  size_t size;
  struct iovec iov[iov_max];
  int iov_count;
};

static FILE *requests, *replies;

static void die(const char *what) {
  fprintf(stderr, "actor: %s\n", what);
  exit(111);
}

static void *memory(size_t size) {
  void *at = NULL;
  // O_DIRECT wants alignment; a buffer of nothing still needs an address.
  if (posix_memalign(&at, 4096, size ? size : 1)) die("out of memory");
  memset(at, 0, size ? size : 1);
  return at;
}

static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static size_t unhex(const char *hex, size_t digits, char *out) {
  for (size_t i = 0; i < digits / 2; i++) out[i] = nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]);
  return digits / 2;
}

void pattern(char *out, size_t size, unsigned seed) {
  unsigned state = seed * 2654435761u + 1;
  for (size_t i = 0; i < size; i++) {
    state = state * 1664525u + 1013904223u;
    out[i] = state >> 24;
  }
}

static unsigned long hash(const char *data, size_t size) {
  unsigned long h = 14695981039346656037ul; // FNV-1a
  for (size_t i = 0; i < size; i++) h = (h ^ (unsigned char)data[i]) * 1099511628211ul;
  return h;
}

static void put_hex(const char *data, size_t size) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < size; i++) {
    putc(digits[(unsigned char)data[i] >> 4], replies);
    putc(digits[data[i] & 15], replies);
  }
}

static void parse_iov(struct arg *arg, char *text) {
  char *rest = text, *part;
  while ((part = strsep(&rest, ",")) && arg->iov_count < iov_max) {
    struct iovec *iov = &arg->iov[arg->iov_count++];
    iov->iov_len = arg->kind == 'v' ? strlen(part) / 2 : strtoul(part, NULL, 10);
    iov->iov_base = memory(iov->iov_len);
    if (arg->kind == 'v') unhex(part, strlen(part), iov->iov_base);
  }
  arg->value = (long)arg->iov;
}

static void parse(struct arg *arg, char *text) {
  memset(arg, 0, sizeof *arg);
  arg->kind = *text++;
  if (arg->kind == 'n') {
    // Numbers may be signed, or unsigned and over 2^63 (an address, a mask).
    arg->value = *text == '-' ? strtol(text, NULL, 10) : (long)strtoul(text, NULL, 10);
    return;
  }
  if (arg->kind == 'v' || arg->kind == 'w') return parse_iov(arg, text);
  int is_hex = arg->kind == 's' || arg->kind == 'b' || arg->kind == 'x';
  size_t digits = is_hex ? strlen(text) : 0;
  arg->size = is_hex ? digits / 2 : strtoul(text, &text, 10);
  arg->memory = memory(arg->size + (arg->kind == 's'));
  arg->value = (long)arg->memory;
  if (is_hex) unhex(text, digits, arg->memory);
  if (arg->kind == 'f') pattern(arg->memory, arg->size, strtoul(text + 1, NULL, 10));
}

static void put_out(const struct arg *arg, long result) {
  size_t got = result < 0 ? 0 : (size_t)result;
  if (arg->kind == 'w') {
    putc(' ', replies);
    for (int i = 0; i < arg->iov_count && got > 0; i++) {
      size_t part = got < arg->iov[i].iov_len ? got : arg->iov[i].iov_len;
      put_hex(arg->iov[i].iov_base, part);
      got -= part;
    }
  }
  if (!strchr("xorh", arg->kind)) return;
  size_t size = arg->kind == 'x' || arg->kind == 'o' || got > arg->size ? arg->size : got;
  putc(' ', replies);
  if (arg->kind == 'h') fprintf(replies, "%016lx", hash(arg->memory, size));
  else put_hex(arg->memory, size);
}

static void release(struct arg *arg) {
  if (arg->memory) free(arg->memory);
  for (int i = 0; i < arg->iov_count; i++) free(arg->iov[i].iov_base);
}

static void reply(long result, const struct arg *args, int count) {
  fprintf(replies, "%ld %d", result, result == -1 ? errno : 0);
  for (int i = 0; i < count; i++) put_out(&args[i], result);
  putc('\n', replies);
  fflush(replies);
}

// Memory that a file is mapped to: touching it beyond the file's end is a SIGBUS, told as EFAULT.

static sigjmp_buf fault;
static void on_fault(int signal) { siglongjmp(fault, signal); }

static long touch(void *to, const void *from, size_t size) {
  errno = EFAULT;
  if (sigsetjmp(fault, 1)) return -1;
  memcpy(to, from, size);
  return size;
}

static long peek(struct arg *args) { return touch((void *)args[1].value, (void *)args[0].value, args[1].size); }
static long poke(struct arg *args) { return touch((void *)args[0].value, (void *)args[1].value, args[1].size); }

// count files called <prefix><number> of size bytes each, in the working directory; 0 or -1.
static long fill(struct arg *args) {
  char name[300];
  for (long i = 0; i < args[1].value; i++) {
    snprintf(name, sizeof name, "%s%06ld", args[0].memory, i);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd < 0) return -1;
    for (long at = 0; at < args[2].value; at += 16)
      if (write(fd, "0123456789abcdef", 16) != 16) return -1;
    if (close(fd)) return -1;
  }
  return 0;
}

// Unlinks what fill made, every step-th one.
static long clear(struct arg *args) {
  char name[300];
  for (long i = 0; i < args[1].value; i += args[2].value) {
    snprintf(name, sizeof name, "%s%06ld", args[0].memory, i);
    if (unlink(name)) return -1;
  }
  return 0;
}

// Reads what a program says until it ends; kills its process group at the deadline.
static long collect(int fd, pid_t pid, long timeout_ms, char *text, size_t *length, size_t max) {
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (;;) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    long left = timeout_ms - (now.tv_sec - start.tv_sec) * 1000 - (now.tv_nsec - start.tv_nsec) / 1000000;
    struct pollfd ready = {fd, POLLIN, 0};
    if (left <= 0 || poll(&ready, 1, left) == 0) {
      kill(-pid, SIGKILL);
      break;
    }
    char rest[4096];
    ssize_t got = read(fd, *length < max ? text + *length : rest, *length < max ? max - *length : sizeof rest);
    if (got <= 0) break;
    if (*length < max) *length += got;
  }
  int status = 0;
  if (waitpid(pid, &status, 0) < 0) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// run n<timeout ms> r<room for its output> s<program> s<arg>...: the exit status, and the output.
static void run(struct arg *args, int count) {
  char *argv[args_max] = {0};
  for (int i = 2; i < count; i++) argv[i - 2] = args[i].memory;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) die("pipe");
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    signal(SIGPIPE, SIG_DFL);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    execvp(argv[0], argv);
    dprintf(2, "cannot execute: errno %d\n", errno);
    _exit(127);
  }
  setpgid(pid, pid);
  close(ends[1]);
  size_t length = 0;
  long status = collect(ends[0], pid, args[0].value, args[1].memory, &length, args[1].size);
  close(ends[0]);
  fprintf(replies, "%ld 0 ", status);
  put_hex(args[1].memory, length);
  putc('\n', replies);
  fflush(replies);
}

static long perform(const char *name, struct arg *args) {
  if (!strcmp(name, "peek")) return peek(args);
  if (!strcmp(name, "poke")) return poke(args);
  if (!strcmp(name, "fill")) return fill(args);
  if (!strcmp(name, "clear")) return clear(args);
  if (!strcmp(name, "ignore")) return signal(args[0].value, SIG_IGN) == SIG_ERR ? -1 : 0;
  long number = call_number(name);
  if (number < 0) {
    errno = ENOSYS;
    return -1;
  }
  return syscall(number, args[0].value, args[1].value, args[2].value, args[3].value, args[4].value,
                 args[5].value);
}

static void serve(char *line) {
  static struct arg args[args_max];
  char *rest = line, *name = strsep(&rest, " "), *text;
  // "child": the call is made by a forked child, which shares the open file descriptions.
  int in_child = !strcmp(name, "child");
  if (in_child) name = strsep(&rest, " ");
  int count = 0;
  memset(args, 0, sizeof args);
  while (count < args_max - 1 && (text = strsep(&rest, " "))) parse(&args[count++], text);
  pid_t pid = in_child ? fork() : 0;
  if (pid == 0) {
    if (!strcmp(name, "run")) run(args, count);
    else reply(perform(name, args), args, count);
    if (in_child) _exit(0);
  } else {
    waitpid(pid, NULL, 0);
  }
  for (int i = 0; i < count; i++) release(&args[i]);
}

int main(void) {
  // The descriptors of the dialogue move out of the way, so that a case's own begin at 3.
  requests = fdopen(fcntl(0, F_DUPFD_CLOEXEC, 15000), "r");
  replies = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 15001), "w");
  if (!requests || !replies) {
    requests = fdopen(fcntl(0, F_DUPFD_CLOEXEC, 900), "r");
    replies = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 901), "w");
  }
  if (!requests || !replies) die("no descriptors for the dialogue");
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(null, 1);
  close(null);
  signal(SIGPIPE, SIG_IGN);
  struct sigaction action = {.sa_handler = on_fault};
  sigaction(SIGBUS, &action, NULL);
  sigaction(SIGSEGV, &action, NULL);
  umask(022);
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  while ((length = getline(&line, &room, requests)) > 0) {
    if (line[length - 1] == '\n') line[length - 1] = 0;
    serve(line);
  }
  return 0;
}
