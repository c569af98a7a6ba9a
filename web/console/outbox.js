/**
 * Replies and notes between "Send" and the server's acknowledgement.
 *
 * Each gets its idempotency key when it is sent first and keeps it, across retries and
 * reloads, until the server has answered: a retry cannot double it. Per conversation they
 * go out one after another, in the order written. Dispatches `change`, detail: conversation.
 */

// Older ones wait for the agent: a reply from before lunch should not leave by itself.
const AUTOMATIC_FOR_MS = 5 * 60_000

export class Outbox extends EventTarget {
  #api
  #storage
  #onStored
  #sending = new Set()
  #closed = false

  /** @param onStored called with (conversation, message) once the server has it. */
  constructor(api, storage, onStored) {
    super()
    this.#api = api
    this.#storage = storage
    this.#onStored = onStored
  }

  /** Unsent items of a conversation: {key, mode, text, after, at, state, error}. */
  items(conversation) {
    return this.#storage.get(`outbox.${conversation}`, []).map((item) => ({
      ...item,
      // What was under way when the page was closed is simply not sent yet.
      state: item.state === 'sending' && !this.#sending.has(conversation) ? 'waiting' : item.state,
    }))
  }

  get count() {
    return this.#storage.names('outbox.').flatMap((name) => this.#storage.get(name, [])).length
  }

  /** @param after sequence number of the newest message the agent saw when sending. */
  add(conversation, mode, text, after) {
    const item = { key: newKey(), mode, text, after, at: Date.now(), state: 'sending', error: null }
    this.#save(conversation, [...this.items(conversation), item])
    return this.flush(conversation)
  }

  remove(conversation, key) {
    this.#save(conversation, this.items(conversation).filter((item) => item.key !== key))
  }

  /** Try a failed one again because the agent asks for it. */
  retry(conversation, key) {
    this.#change(conversation, key, { state: 'waiting', at: Date.now(), error: null })
    return this.flush(conversation)
  }

  /**
   * Send what waits in this conversation; stops at the first that does not get through.
   * What the server refused, and what is too old, stays until the agent decides.
   */
  async flush(conversation) {
    if (this.#sending.has(conversation) || this.#closed) return
    this.#sending.add(conversation)
    try {
      while (await this.#sendNext(conversation));
    } finally {
      this.#sending.delete(conversation)
      this.#tell(conversation)
    }
  }

  flushAll() {
    for (const name of this.#storage.names('outbox.')) this.flush(name.slice('outbox.'.length))
  }

  clear() {
    for (const name of this.#storage.names('outbox.')) this.#storage.remove(name)
  }

  /** Send nothing more: another agent has signed in. */
  close() {
    this.#closed = true
  }

  async #sendNext(conversation) {
    const item = this.items(conversation).find(
      ({ state, at }) => state !== 'refused' && Date.now() - at < AUTOMATIC_FOR_MS,
    )
    if (item === undefined || this.#closed) return false
    this.#change(conversation, item.key, { state: 'sending' })
    try {
      const { message } = await this.#api.write(conversation, item.mode, item.text, item.key)
      this.#onStored(conversation, message)
      this.#acknowledge(conversation, item.key, message.seq)
      return true
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      this.#change(conversation, item.key, {
        state: error.unsettled ? 'waiting' : 'refused', error: error.message,
      })
      return false
    }
  }

  /** Drop what the server has; what follows it can only be found later in the transcript. */
  #acknowledge(conversation, key, seq) {
    this.#save(conversation, this.items(conversation)
      .filter((item) => item.key !== key)
      .map((item) => ({ ...item, after: Math.max(item.after, seq) })))
  }

  #change(conversation, key, changes) {
    this.#save(conversation, this.items(conversation).map(
      (item) => (item.key === key ? { ...item, ...changes } : item),
    ))
  }

  #save(conversation, items) {
    if (items.length) this.#storage.set(`outbox.${conversation}`, items)
    else this.#storage.remove(`outbox.${conversation}`)
    this.#tell(conversation)
  }

  #tell(conversation) {
    this.dispatchEvent(new CustomEvent('change', { detail: conversation }))
  }
}

/** 128 random bits. randomUUID exists in secure contexts only; a console on a LAN may not be one. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
