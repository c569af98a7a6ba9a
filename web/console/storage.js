/**
 * What the console keeps in this browser: drafts and unsent messages of one agent.
 * Where localStorage is refused or full, memory serves and `lasting` is false.
 */

const PREFIX = 'aftercare.console'

export class Storage {
  #scope
  #memory = new Map()
  lasting = true

  /** @param agent id: agents who share a computer do not see each other's drafts. */
  constructor(agent) {
    this.#scope = `${PREFIX}.${agent}.`
  }

  get(name, fallback) {
    const text = this.#memory.get(name) ?? this.#tried(() => localStorage.getItem(this.#scope + name))
    return text === null || text === undefined ? fallback : JSON.parse(text)
  }

  set(name, value) {
    const text = JSON.stringify(value)
    const stored = this.#tried(() => { localStorage.setItem(this.#scope + name, text); return true })
    if (stored) this.#memory.delete(name)
    else this.#memory.set(name, text)
  }

  remove(name) {
    this.#memory.delete(name)
    this.#tried(() => localStorage.removeItem(this.#scope + name))
  }

  /** Names that start so, for example "draft.". */
  names(start) {
    const kept = this.#tried(() => Object.keys(localStorage)) ?? []
    const mine = kept.filter((key) => key.startsWith(this.#scope))
      .map((key) => key.slice(this.#scope.length))
    return [...new Set([...mine, ...this.#memory.keys()])].filter((name) => name.startsWith(start))
  }

  #tried(act) {
    try {
      return act()
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      this.lasting = false
      return null
    }
  }
}

/** Reply and note of one conversation while they are being written. */
export class Drafts {
  #storage

  constructor(storage) {
    this.#storage = storage
  }

  get(conversation) {
    return this.#storage.get(`draft.${conversation}`, { mode: 'reply', reply: '', note: '' })
  }

  set(conversation, draft) {
    const name = `draft.${conversation}`
    if (draft.reply || draft.note || draft.mode === 'note') this.#storage.set(name, draft)
    else this.#storage.remove(name)
  }

  /** Whether drafts outlive a reload in this browser. */
  get lasting() {
    return this.#storage.lasting
  }

  /** How many conversations hold text that was not sent. */
  get count() {
    return this.#storage.names('draft.').filter((name) => {
      const draft = this.#storage.get(name, {})
      return Boolean(draft.reply || draft.note)
    }).length
  }

  clear() {
    for (const name of this.#storage.names('draft.')) this.#storage.remove(name)
  }
}
