export { journal, type JournalEnd, type JournalOptions } from './journal.js'
export { JournalError, type JournalErrorCode } from './journal-error.js'
