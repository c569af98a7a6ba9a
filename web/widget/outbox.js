import { backOff, request } from './request.js'

const HELP_AFTER = 5000 // milliseconds until a tab sends what another one wrote and did not send

/**
 * Messages the customer wrote and the gateway has not confirmed.
 *
 * Each is kept under its own name with the idempotency key it was born with, so that a
 * reload, a lost answer or a second tab can only repeat a message, never double it. They
 * leave in the order they were written, one at a time in all tabs together.
 *
 * Dispatches `change` (the items differ), `sent` (detail: the gateway's answer), `refused`
 * (detail: the token that is no longer valid) and `trouble` (detail: whether sending fails).
 */
export class Outbox extends EventTarget {
  #kept
  #session
  #sending = false
  #again = false
  #failures = 0
  #wake = () => {}

  constructor(kept, session) {
    super()
    this.#kept = kept
    this.#session = session
    kept.watch('unsent.', () => {
      this.#tell('change')
      setTimeout(() => this.flush(), HELP_AFTER)
    })
  }

  /** Oldest first: {key, order, text, button?, failed?}; `failed` is the gateway's reason. */
  get items() {
    return this.#kept
      .names('unsent.')
      .map((name) => this.#kept.get(name))
      .filter(Boolean)
      .sort((a, b) => a.order - b.order)
  }

  /** @param {{text: string, button?: {message: string, index: number}}} what */
  add(what) {
    const last = this.items.at(-1)?.order ?? 0
    this.#put({ ...what, key: newKey(), order: Math.max(Date.now(), last + 1) })
    this.flush()
  }

  /** Try a refused message again. */
  retry(key) {
    const item = this.#kept.get(`unsent.${key}`)
    if (item) this.#put({ ...item, failed: undefined })
    this.flush()
  }

  /** Forget a message: it was seen in the conversation, or the customer took it back. */
  remove(key) {
    if (!this.#kept.get(`unsent.${key}`)) return
    this.#kept.remove(`unsent.${key}`)
    this.#tell('change')
  }

  /** Send what waits; while that is under way, try again at once instead of waiting. */
  async flush() {
    this.#again = true
    this.#wake()
    if (this.#sending) return
    this.#sending = true
    while (this.#again && navigator.onLine) {
      this.#again = false
      const { next, patient } = await exclusively(() => this.#sendOldest())
      if (next === undefined) continue // nothing waits, unless written in this moment
      this.#tell('trouble', this.#failures > 1)
      if (next) await this.#pause(next, patient)
      this.#again = true
    }
    this.#sending = false
  }

  /**
   * @returns {Promise<{next?: number, patient?: boolean}>} Milliseconds until the next one
   *   may be sent; undefined when there is none. Patient: not sooner, whatever happens.
   */
  async #sendOldest() {
    const item = this.items.find((each) => !each.failed)
    if (!item) return {}
    const { key, text, button } = item
    let token
    try {
      token = await this.#session.begin()
      const body = button ? { button } : { text }
      const answer = await request('messages', { body, token, key })
      this.#failures = 0
      this.#tell('sent', answer)
      this.remove(key)
      return { next: 0 }
    } catch (error) {
      if (token && error.final) {
        if (this.#kept.get(`unsent.${key}`)) this.#put({ ...item, failed: error.message })
        return { next: 0 }
      }
      this.#failures += 1
      if (token && error.status === 401) {
        // The conversation is over; a button of it means nothing in the next one, its words do.
        for (const each of this.items) this.#put({ ...each, button: undefined })
        this.#tell('refused', token)
        if (this.#failures === 1) return { next: 0 }
      }
      if (error.retryAfter > 0) return { next: error.retryAfter, patient: true }
      return { next: backOff(this.#failures) }
    }
  }

  #pause(milliseconds, patient) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#wake = () => {}
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      if (!patient) this.#wake = done
    })
  }

  #put(item) {
    this.#kept.set(`unsent.${item.key}`, item)
    this.#tell('change')
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

// Web locks and randomUUID exist only in secure contexts. Without the lock two tabs may send
// the same message twice with the same key, which the gateway keeps once.
const exclusively = (work) =>
  navigator.locks ? navigator.locks.request('aftercare.outbox', work) : work()

const newKey = () =>
  crypto.randomUUID?.() ??
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
