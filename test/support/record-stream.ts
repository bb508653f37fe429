// What one command changes, recorded: captive mode into a file.

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { shell } from './shell.js'

export interface Recording {
  /** Where a store and a mountpoint may be made meanwhile. */
  readonly dir: string
  /** The file to make. */
  readonly stream: string
  /** For the shell, in the mount's root; `input` is its standard input. */
  readonly command: string
  readonly input: string
}

const program = join(import.meta.dirname, '../../bin/tfs-journal.js')

/** Rejects where the command or the journal fails. */
export async function recordStream({ dir, stream, command, input }: Recording): Promise<void> {
  const [store, mount, script] = ['store', 'mount', 'input'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ]
  for (const path of [store, mount]) mkdirSync(path)
  const run = `{ ${command}; } < '${script}'`
  const record = 'cat > "$1"; "$2" "$3" --run "$4" "$5" "$6" > "$7"'
  try {
    const args = [script, process.execPath, program, run, store, mount, stream]
    await shell(record, args, { input, timeoutMs: 300_000 })
  } finally {
    for (const path of [store, mount]) rmSync(path, { recursive: true })
  }
}
