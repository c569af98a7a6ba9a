/** The console's HTTP interface. Nothing else in the console calls fetch. */

const TIMEOUT_MS = 15_000
const SAFE = new Set(['GET', 'HEAD'])

/** The server said no, or nothing at all (status 0). `message` is a sentence for the agent. */
export class ApiError extends Error {
  constructor(status, code, message, retryAfterSeconds = null) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.retryAfterSeconds = retryAfterSeconds
  }

  /** Whether the request may have been carried out, or may be later: repeat it with its key. */
  get unsettled() {
    return this.status === 0 || this.status === 401 || this.status === 429 || this.status >= 500
  }
}

export class Api {
  #onSignedOut

  /** @param onSignedOut called when the session is no longer valid. */
  constructor(onSignedOut) {
    this.#onSignedOut = onSignedOut
  }

  session() { return this.#call('GET', '/console/session') }
  signIn(email, password) { return this.#call('POST', '/console/session', { email, password }) }
  signOut() { return this.#call('DELETE', '/console/session') }
  queue() { return this.#call('GET', '/console/queue') }
  botConversations() { return this.#call('GET', '/console/bot-conversations') }
  conversation(id) { return this.#call('GET', path(id)) }
  articlesToLookAt() { return this.#call('GET', '/console/articles-to-look-at') }
  articles(id, question) {
    return this.#call('GET', `${path(id, 'articles')}?${new URLSearchParams({ q: question })}`)
  }
  claim(id) { return this.#call('POST', path(id, 'claim'), {}) }
  take(id) { return this.#call('POST', path(id, 'take'), {}) }
  returnToBot(id, note) { return this.#call('POST', path(id, 'return'), { note }) }
  resolve(id, outcome, note) { return this.#call('POST', path(id, 'resolve'), { outcome, note }) }
  typing(id) { return this.#call('POST', path(id, 'typing'), {}) }

  /** Send a reply or save a note; the same key never does it twice. */
  write(id, mode, text, key) {
    return this.#call('POST', path(id, mode === 'note' ? 'notes' : 'messages'), { text }, key)
  }

  async #call(method, address, body, key) {
    const headers = { Accept: 'application/json' }
    if (!SAFE.has(method)) headers['X-Aftercare'] = 'console'
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    if (key !== undefined) headers['Idempotency-Key'] = key

    let response
    let answer = null
    try {
      response = await fetch(address, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: 'same-origin',
        cache: 'no-store',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      const text = await response.text()
      if (text) answer = JSON.parse(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) {
        throw new ApiError(0, 'unreachable', 'The server cannot be reached.')
      }
      // A proxy's error page is not JSON; its status, below, says more than the parser does.
      if (response.ok) throw new ApiError(502, 'bad_answer', 'The answer cannot be read.')
    }
    if (response.ok) return answer
    if (response.status === 401 && answer?.error?.code !== 'wrong_credentials') this.#onSignedOut()
    throw new ApiError(
      response.status,
      answer?.error?.code ?? 'failed',
      answer?.error?.message ?? `The server could not do this (error ${response.status}).`,
      Number(response.headers.get('Retry-After')) || null,
    )
  }
}

function path(conversation, action) {
  const base = `/console/conversations/${encodeURIComponent(conversation)}`
  return action === undefined ? base : `${base}/${action}`
}

/** Run `load` once at a time; calls during a run become one further run. */
export function coalesced(load) {
  let running = null
  let again = false
  return () => {
    again = true
    running ??= (async () => {
      try {
        while (again) {
          again = false
          await load()
        }
      } finally {
        running = null
      }
    })()
    return running
  }
}
