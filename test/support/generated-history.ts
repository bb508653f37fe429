// A repository with a long history, written by git fast-import in one go.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { shell } from './shell.js'

const files = 300

/** Makes a bare repository `path` with `commits` commits on its one branch. */
export async function generateHistory(path: string, commits: number): Promise<void> {
  await shell('git init -q --bare -b main "$1"', [path])
  const importer = spawn('git', ['-C', path, 'fast-import', '--quiet'], {
    stdio: ['pipe', 'ignore', 'inherit'],
    timeout: 60_000,
  })
  const ended = once(importer, 'exit')
  await pipeline(Readable.from(history(commits)), importer.stdin)
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`)
}

function* history(commits: number): Generator<string> {
  for (let commit = 0; commit < commits; commit++) {
    const message = `change ${commit}`
    yield `commit refs/heads/main\ncommitter N <n@example.com> ${1_600_000_000 + commit} +0000\n`
    yield data(message)
    // The first commit has all files, each later one changes a few and moves one.
    const changed = commit === 0 ? files : 4
    for (let i = 0; i < changed; i++) {
      const file = (commit * 7 + i * 31) % files
      const mode = file % 9 === 0 ? '100755' : file % 13 === 0 ? '120000' : '100644'
      const content = mode === '120000' ? `to-${commit}` : text(file, commit)
      yield `M ${mode} inline ${name(file)}\n${data(content)}`
    }
    if (commit % 50 === 49) yield `R src/${commit % 10} moved/${commit}\n`
  }
}

const name = (file: number) => `src/${file % 10}/part-${file % 3}/file-${file}.txt`
const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`

function text(file: number, commit: number): string {
  const lines = Array.from({ length: 20 + (file % 60) }, (_, i) =>
    i % 7 === commit % 7 ? `line ${i} as of ${commit}` : `line ${i} of file ${file}`,
  )
  return `${lines.join('\n')}\n`
}
