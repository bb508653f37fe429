// Damage of all kinds to a copy of a tree, a mirror perhaps, at random.

import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { random } from './random.js'

/** What a mirror knows of itself is left alone. */
export function damageCopy(copy: string, seed: number, count = 50): void {
  const rng = random(seed)
  const paths = readdirSync(copy, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.length < 100)
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(copy, '.tfs/')))
  const pick = () => paths[rng.next(paths.length)]
  for (let i = 0; i < count; i++) {
    const path = pick()
    if (path === undefined || !lstatSync(path, { throwIfNoEntry: false })?.isFile()) continue
    const way = rng.next(6)
    if (way === 0) rmSync(path)
    if (way === 1) writeFileSync(path, `damage ${i}`)
    if (way === 2) truncateSync(path, rng.next(5000))
    if (way === 3) linkSync(path, `${path}.link-${i}`)
    if (way === 4) mkdirSync(`${path}.directory/a/b`, { recursive: true })
    if (way === 5) {
      rmSync(path)
      mkdirSync(path)
      writeFileSync(join(path, 'not to be here'), readFileSync('/proc/self/stat'))
    }
  }
}
