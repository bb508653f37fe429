import t from 'tap'
import { filled, markdownTable } from '#schema'

t.equal(
  markdownTable(
    ['a', 'long head'],
    [
      ['cell | pipe', 'x'],
      ['', ''],
    ],
  ),
  [
    '| a            | long head |',
    '| ------------ | --------- |',
    '| cell \\| pipe | x         |',
    '|              |           |',
  ].join('\n'),
)

void t.test('paragraphs are filled; titles, tables, lists and code are not', async (t) => {
  const word = 'word '
  const text = filled(`# Title\n\n${word.repeat(40)}\n\n1. one\n2. two\n\n| a |\n| --- |\n`)
  const [title, paragraph = '', list, table] = text.split('\n\n')
  t.equal(title, '# Title')
  t.strictSame(
    paragraph.split('\n').map((line) => line.length),
    [99, 99],
  )
  t.equal(list, '1. one\n2. two')
  t.equal(table, '| a |\n| --- |\n')
})
