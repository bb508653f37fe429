// Stands in for ssh: `ssh-stand-in HOST COMMAND ...` has a shell of this host run COMMAND, on pipes
// that end with this program, as what runs on another host loses its connection with ssh.

import { spawn } from 'node:child_process'

const [, ...words] = process.argv.slice(2)
const { stdin, stdout, stderr } = process
const remote = spawn('sh', ['-c', words.join(' ')], { stdio: 'pipe' })

stdin.pipe(remote.stdin)
remote.stdout.pipe(stdout)
remote.stderr.pipe(stderr)
// Who takes no requests any more has ended.
remote.stdin.on('error', () => undefined)
// ssh's own code for a connection that is lost, also where a signal has ended what ran there.
for (const output of [stdout, stderr]) output.on('error', () => process.exit(255))
remote.on('close', (code) => {
  process.exitCode = code ?? 255
  stdin.destroy()
})
