import { request } from './request.js'

/**
 * Which conversation this browser is in: a signed token, shared by its tabs.
 *
 * Dispatches `change` when the token is new or gone, whichever tab did it.
 */
export class Session extends EventTarget {
  #kept
  #beginning

  constructor(kept) {
    super()
    this.#kept = kept
    kept.watch('token', () => this.#changed())
  }

  /** @returns {string|null} */
  get token() {
    return this.#kept.get('token')
  }

  /** The token, beginning a conversation if there is none. Throws what `request` throws. */
  async begin() {
    if (this.token) return this.token
    this.#beginning ??= request('conversations', { body: {} }).finally(() => {
      this.#beginning = null
    })
    const { token } = await this.#beginning
    this.#kept.set('token', token)
    this.#changed()
    return token
  }

  /** Forget a token that the gateway refused, unless another one has replaced it meanwhile. */
  end(token) {
    if (this.token !== token) return
    this.#kept.remove('token')
    this.#changed()
  }

  #changed() {
    this.dispatchEvent(new Event('change'))
  }
}
