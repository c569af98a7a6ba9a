/** Codes, durations and times in words. Pages are in English; times are the reader's own. */

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' })
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })
// A delivery date is a calendar day, not a moment: it must not shift with the time zone.
const CALENDAR = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC',
})

/** "45 s", "12 min", "1 h 05 min", "2 d 3 h". */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** "18:41" */
export function clock(iso) {
  return CLOCK.format(new Date(iso))
}

/** "Sunday 22 November" */
export function day(iso) {
  return DAY.format(new Date(iso)).replace(',', '')
}

/** "22 November 2026", of a moment or of a calendar day written as 2026-11-22. */
export function date(iso) {
  return /^\d{4}-\d{2}-\d{2}$/.test(iso) ? CALENDAR.format(new Date(iso)) : DATE.format(new Date(iso))
}

/** "today 18:41" or "22 November 2026, 18:41" */
export function moment(iso) {
  const same = new Date(iso).toDateString() === new Date().toDateString()
  return same ? `today ${clock(iso)}` : `${date(iso)}, ${clock(iso)}`
}

/** "out_of_steps" to "Out of steps". */
export function phrase(code) {
  const words = String(code ?? '').replaceAll('_', ' ').trim()
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** "1 message", "3 messages" */
export function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`
}

/** Who wrote a message, for the transcript and for screen readers. */
export function authorName(message, customerName) {
  if (message.author === 'customer') return customerName || 'Customer'
  return message.name || { bot: 'Automated assistant', agent: 'Agent', note: 'Colleague' }[message.author]
}
