// What this visitor's browser keeps for us. No cookie: nothing of it travels by itself.

const PREFIX = 'aftercare.'

/**
 * JSON values under names, in one of the browser's storages.
 *
 * A browser may refuse storage to a frame (private window, blocked third-party data) or be
 * full; then the values live as long as the page, and the chat works until it is closed.
 */
export class Kept {
  #area
  #page = new Map()

  /** @param {() => Storage} area Only reading `window.localStorage` can already throw. */
  constructor(area) {
    try {
      this.#area = area()
    } catch {
      this.#area = null
    }
  }

  get(name) {
    const json = this.#page.get(PREFIX + name) ?? this.#area?.getItem(PREFIX + name)
    try {
      return json == null ? null : JSON.parse(json)
    } catch {
      return null // damaged by hand or by a crash: as good as absent
    }
  }

  set(name, value) {
    const json = JSON.stringify(value)
    try {
      this.#area.setItem(PREFIX + name, json)
      this.#page.delete(PREFIX + name)
    } catch {
      this.#page.set(PREFIX + name, json)
    }
  }

  remove(name) {
    this.#page.delete(PREFIX + name)
    this.#area?.removeItem(PREFIX + name)
  }

  /** The names that start so, in no order. */
  names(start) {
    return [...new Set([...Object.keys(this.#area ?? {}), ...this.#page.keys()])]
      .filter((key) => key.startsWith(PREFIX + start))
      .map((key) => key.slice(PREFIX.length))
  }

  /** Call back with the name when another tab of this browser changes a value. */
  watch(start, callback) {
    addEventListener('storage', ({ key, storageArea }) => {
      if (storageArea === this.#area && key?.startsWith(PREFIX + start)) callback()
    })
  }
}
