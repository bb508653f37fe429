// A random stream in several epochs, some of which end as those of a journal that was killed.

import { protocolMagic, protocolVersion } from '#wire'
import type { Random } from './random.js'
import { RandomStream } from './random-stream.js'

export interface Epochs {
  readonly messages: Buffer[]
  /** How many messages each epoch has. */
  readonly counts: number[]
}

/** The last one ends with bye. `each` is called after each few operations, to add what it likes. */
export function severalEpochs(
  random: Random,
  epochs: number,
  operations: number,
  each?: (stream: RandomStream) => void,
): Epochs {
  const stream = new RandomStream(random)
  const { writer } = stream
  const counts: number[] = []
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (let done = 0; done < operations; done += 10) {
      stream.run(10)
      each?.(stream)
    }
    if (epoch === epochs) stream.settle()
    if (epoch === epochs || epoch % 2) writer.bye()
    counts.push(writer.seq)
    if (epoch === epochs) break
    const [previousEpoch, previousSeq] = [writer.epoch, writer.seq]
    writer.epoch++
    writer.seq = 0
    const body = { magic: protocolMagic, version: protocolVersion, source: 'test' }
    writer.add('hello', { ...body, previousEpoch, previousSeq })
  }
  return { messages: writer.messages, counts }
}
