// Compiles one of the C programs beside this file's source, once, and gives the program's path.

import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'

const sources = join(import.meta.dirname, '../../../test/support')

/** `name` is that of a `.c` file in test/support. */
export function compiled(name: string): string {
  const source = join(sources, `${name}.c`)
  const program = join(import.meta.dirname, name)
  if (modified(program) > Math.max(modified(source), modified(join(sources, `${name}.h`)))) {
    return program
  }
  mkdirSync(import.meta.dirname, { recursive: true })
  // Test files run side by side: each makes its own and the rename decides.
  const draft = `${program}.${process.pid}`
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', draft, source]
  try {
    execFileSync('gcc', flags, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 60_000 })
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    const what = missing
      ? 'gcc is missing: apt-get install gcc libc6-dev'
      : `cannot compile ${source}`
    throw new Error(what, { cause })
  }
  renameSync(draft, program)
  return program
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
