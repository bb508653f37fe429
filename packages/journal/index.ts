export { journal, type JournalEnd, type JournalOptions } from './journal.js'
export { hasRequests } from './request-input.js'
export { JournalError, type JournalErrorCode } from './journal-error.js'
