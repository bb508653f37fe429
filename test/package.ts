// The package as its users get it: packed, installed globally without any script of a package, and
// put to work.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Example, root } from './support/example.js'
import { tempDirectory } from './support/temp-directory.js'

t.setTimeout(600_000)

interface Packed {
  filename: string
  files: { path: string; mode: number }[]
}
interface Manifest {
  version: string
  bin: Record<string, string>
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
const programs = Object.keys(manifest.bin)

function npm(...args: string[]): string {
  const options = { cwd: root, encoding: 'utf8', timeout: 300_000 } as const
  const { status, stdout, stderr } = spawnSync('npm', args, options)
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stderr}`)
  return stdout
}

void t.test('npm pack, npm install -g, and the programs work', async (t) => {
  const dir = tempDirectory(t).path
  // What is built is what is tested; the scripts would build it anew beneath the other tests.
  const output = npm('pack', '--ignore-scripts', '--json', '--pack-destination', dir)
  const [packed] = JSON.parse(output) as [Packed]
  const paths = packed.files.map(({ path }) => path)
  for (const path of ['LICENSE', 'README.md', 'CHANGELOG.md', 'packages/wire/PROTOCOL.md'])
    t.ok(paths.includes(path), path)
  const allowed = /^(build\/(bin|packages)\/.*\.js|examples\/.*|[A-Z]+(\.md)?|package\.json)$/
  const others = paths.filter((path) => !allowed.test(path))
  t.strictSame(others, ['packages/wire/PROTOCOL.md'], 'and nothing else')
  for (const path of Object.values(manifest.bin))
    t.equal(packed.files.find((file) => file.path === path)?.mode, 0o755, path)

  const prefix = join(dir, 'prefix')
  mkdirSync(prefix)
  const quietly = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline']
  npm('install', '--global', '--prefix', prefix, ...quietly, join(dir, packed.filename))
  const env = { PATH: `${prefix}/bin:${process.env['PATH']}` }
  const run = (program: string, option: string) =>
    spawnSync(join(prefix, 'bin', program), [option], {
      cwd: dir,
      encoding: 'utf8',
      timeout: 60_000,
    })
  for (const program of programs) {
    t.match(run(program, '--version'), { status: 0, stdout: `${manifest.version}\n`, stderr: '' })
    t.match(run(program, '--help'), { status: 0, stdout: `Usage: ${program} `, stderr: '' })
  }
  const chain = join(prefix, 'lib/node_modules/tfs/examples/chain.sh')
  const example = new Example(t, chain, [], { env })
  t.equal(await example.ended, 0, example.said)
  t.match(example.said, /equal: store and second/)
  t.strictSame(example.leftovers(), [])

  const imported = 'import("tfs").catch((e) => console.log(e.code))'
  const { stdout } = spawnSync(process.execPath, ['-e', imported], {
    cwd: join(prefix, 'lib'),
    encoding: 'utf8',
    timeout: 60_000,
  })
  t.equal(stdout, 'ERR_PACKAGE_PATH_NOT_EXPORTED\n', 'there is nothing to import')
})
