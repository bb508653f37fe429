// Sizes and durations as rsync and people write them.

import t from 'tap'
import { parseDuration, parseSize, UsageError } from '#cli'

void t.test('sizes', (t) => {
  const sizes: Record<string, number> = {
    '0': 0,
    '1': 1,
    '64K': 65536,
    '64k': 65536,
    '16M': 16 << 20,
    '1GiB': 2 ** 30,
    '1.5G': 1.5 * 2 ** 30,
    '10MB': 10_000_000,
    '2TB': 2e12,
    '12B': 12,
  }
  for (const [text, size] of Object.entries(sizes)) t.equal(parseSize(text, '--x'), size, text)
  for (const text of ['', 'K', '-1', '1e3', '1 K', '64KiBs', '9999999T', 'Infinity', '0x10'])
    t.throws(() => parseSize(text, '--x'), new UsageError(), text)
  t.throws(() => parseSize('many', '--x'), { message: /^--x: 'many' is not a size/ })
  t.end()
})

void t.test('durations', (t) => {
  const durations: Record<string, number> = {
    '0': 0,
    '10': 10_000,
    '0.5': 500,
    '500ms': 500,
    '10s': 10_000,
    '2m': 120_000,
    '1h': 3_600_000,
    '596h': 2_145_600_000,
  }
  for (const [text, ms] of Object.entries(durations)) t.equal(parseDuration(text, '--x'), ms, text)
  for (const text of ['', 's', '-1', '1 s', '1y', 'Infinity'])
    t.throws(() => parseDuration(text, '--x'), new UsageError(), text)
  t.throws(() => parseDuration('597h', '--x'), {
    message: "--x: '597h' is too long, 596h is the most",
  })
  t.end()
})
