// What the session's thread has to say, in words for people.

import { errnoName, escapeName } from '#posix'
import type { JournalOptions } from './journal.js'
import { SaySeldom } from './say-seldom.js'
import type { SessionThreadMessage } from './session-thread-data.js'

export class SessionLog {
  readonly #options: JournalOptions
  readonly #missed: SaySeldom
  readonly #unreplicated: SaySeldom
  readonly #unstated: SaySeldom
  readonly #unsynced: SaySeldom

  constructor(options: JournalOptions) {
    this.#options = options
    this.#missed = new SaySeldom(options.log)
    this.#unreplicated = new SaySeldom(options.log)
    this.#unstated = new SaySeldom(options.log)
    this.#unsynced = new SaySeldom(options.log)
  }

  tell(message: SessionThreadMessage): void {
    const { log } = this.#options
    if ('failed' in message) log(`a request failed in ${message.during}`, message.failed)
    else if ('lost' in message) {
      const why = `its change could not be journalled (${errnoName(message.errno)})`
      log(escapeName(message.lost) || 'the root', `${why}, as message ${message.seq} says`)
    } else if ('detached' in message) {
      const lost = this.#options.spool
        ? 'the stream goes on in the spool alone'
        : `changes after message ${message.seq} are no longer journalled`
      log('the output', `${message.detached}: ${lost}`)
    } else if ('missed' in message) {
      const { from, to } = message.missed
      this.#missed.say('the head', `messages ${from} to ${to} have reached none: a gap says so`)
    } else if ('unreplicated' in message) this.#tellUnreplicated(message)
    else if ('unstated' in message) this.#tellUnstated(message)
    else if ('described' in message) this.#options.print(message.described)
    else this.#tellOfSpool(message)
  }

  close(): void {
    this.#missed.close()
    this.#unreplicated.close()
    this.#unstated.close()
    this.#unsynced.close()
  }

  #tellUnreplicated({ unreplicated: seq, have }: Extract<Message, { unreplicated: unknown }>) {
    const { count, onTimeout } = this.#options.replicas
    const end = onTimeout === 'fail' ? 'the sync fails' : 'the sync returns all the same'
    this.#unreplicated.say(
      'the replicas',
      `${have} of ${count} have message ${seq} durably in time: ${end}`,
    )
  }

  #tellUnstated({ unstated, errno, isTriedAgain }: Extract<Message, { unstated: unknown }>) {
    const why = `could not be stated (${errnoName(errno)})`
    const then = isTriedAgain
      ? 'it is tried again'
      : 'mirrors that asked for it are not exact there'
    this.#unstated.say(escapeName(unstated) || 'the root', `${why}: ${then}`)
  }

  #tellOfSpool(message: SessionThreadMessage): void {
    const { log } = this.#options
    if ('spoolDetached' in message) {
      const lost = `changes after message ${message.seq} are not in it`
      log('the spool', `${message.spoolDetached}: ${lost}`)
    } else if ('spoolStalled' in message) log('the spool', spoolStall(message.spoolStalled))
    else if ('unsynced' in message)
      this.#unsynced.say('the spool', `cannot be made durable (${message.unsynced}): tried again`)
    else if ('stated' in message)
      log(
        escapeName(message.stated) || 'the root',
        'was being changed when the last run was killed: says what is there now',
      )
    else if ('unconnected' in message)
      log('the spool', `does not go on from its end: ${message.unconnected}; make mirrors whole`)
    else if ('stalled' in message)
      log(
        'the output',
        message.stalled === null
          ? 'its reader goes on, and so does the mount'
          : 'its reader takes nothing: calls on the mount wait for it',
      )
  }
}

type Message = SessionThreadMessage

const spoolStall = (why: string | null): string =>
  why === null
    ? 'takes messages again, and the mount goes on'
    : `takes no message (${why}): calls on the mount wait for it`
