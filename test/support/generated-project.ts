// A C project made to order, with a configure script that works as autoconf's do: small programs
// tried one after the other under one name, headers replaced only where they change, logs appended.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const headers = ['stdio', 'stdlib', 'string', 'unistd', 'errno', 'fcntl', 'signal', 'nonesuch']

/** Writes the project with `sources` .c files and `checks` things to configure into `path`. */
export function generateProject(
  path: string,
  { sources, checks }: { sources: number; checks: number },
): void {
  const write = (name: string, text: string) => writeFileSync(join(path, name), text)
  mkdirSync(join(path, 'src'))
  const numbers = Array.from({ length: sources }, (_, i) => i)
  write('configure', configure(checks))
  write('Makefile', makefile)
  const declarations = numbers.map((i) => `int part_${i}(int start);`).join('\n')
  write(
    'src/common.h',
    `#include "../config.h"\n#define START 0\n#define BEGIN 0\n${declarations}\n`,
  )
  for (const i of numbers) write(`src/part-${i}.c`, part(i, sources))
}

function part(i: number, sources: number): string {
  const next = i + 1 < sources ? `part_${i + 1}(start + 1)` : 'start + 1'
  const body = `int part_${i}(int start) { return ${next}; }\n`
  if (i > 0) return `#include "common.h"\nint of_${i} = START;\n${body}`
  return `#include "common.h"\n#include <stdio.h>\n${body}
int main(void) { return printf("%d\\n", part_0(START)) < 0; }\n`
}

const configure = (checks: number) => `set -eu
: > config.log
printf '' > config.h.new
for i in $(seq ${checks}); do
  header=$(set -- ${headers.join(' ')}; shift $((i % ${headers.length})); echo $1)
  mkdir conftest.dir; rm -f conftest.*.o
  printf '#include <%s.h>\\nint main(void) { return 0; }\\n' "$header" > conftest.c
  if cc -c -o conftest.$i.o conftest.c 2>> config.log; then
    echo "#define HAVE_$i 1" >> config.h.new
    ln -s conftest.$i.o conftest.link; ln conftest.$i.o conftest.hard
    mv conftest.hard conftest.moved; rm -f conftest.link conftest.moved
  else
    echo "#undef HAVE_$i" > conftest.part; cat config.h.new conftest.part > conftest.both
    mv -f conftest.both config.h.new
  fi
  cp conftest.c conftest.copy; sed -i s/main/other/ conftest.copy
  rmdir conftest.dir; rm -rf conftest*
done
if cmp -s config.h.new config.h; then rm config.h.new; else mv -f config.h.new config.h; fi
`

// Through a temporary file that is renamed, as careful compilers and generators do.
const makefile = `sources := $(wildcard src/*.c)
objects := $(sources:.c=.o)
program: libparts.a
\tcc -o $@.tmp src/part-0.o libparts.a && mv $@.tmp $@
libparts.a: $(objects)
\trm -f $@; ar rc $@ $(objects)
src/%.o: src/%.c src/common.h config.h
\tcc -O0 -c -o $@.tmp $< && mv $@.tmp $@
clean:
\trm -f $(objects) libparts.a program
.PHONY: clean
`
