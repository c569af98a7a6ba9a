// One HTTP request to the gateway, and how long to wait before the next one.

export const BASE = new URL('..', import.meta.url) // /widget/, wherever that is mounted

/** The gateway answered, and the answer was no. */
export class Refused extends Error {
  constructor(status, message, retryAfterSeconds) {
    super(message)
    this.status = status
    this.retryAfter = retryAfterSeconds * 1000 // milliseconds; NaN when it named none
  }

  /** Whether asking again the same way is pointless. */
  get final() {
    return this.status < 500 && ![401, 408, 425, 429].includes(this.status)
  }
}

/**
 * @param {string} path Below /widget/.
 * @param {{body?: object, token?: string, key?: string, signal?: AbortSignal, seconds?: number}}
 *   options With a body it is a POST; `key` makes that safe to repeat.
 * @returns {Promise<object>} The JSON answer.
 * @throws {Refused} Any status but 2xx.
 * @throws {TypeError|DOMException} No answer: no network, timeout, or aborted.
 */
export async function request(path, { body, token, key, signal, seconds = 20 } = {}) {
  const headers = {}
  if (body) headers['Content-Type'] = 'application/json'
  if (token) headers.Authorization = `Bearer ${token}`
  if (key) headers['Idempotency-Key'] = key
  const abort = new AbortController()
  const stop = () => abort.abort()
  const timer = setTimeout(stop, seconds * 1000)
  signal?.addEventListener('abort', stop)
  try {
    const response = await fetch(new URL(path, BASE), {
      method: body ? 'POST' : 'GET',
      headers,
      body: body && JSON.stringify(body),
      credentials: 'omit',
      cache: 'no-store',
      signal: abort.signal,
    })
    if (response.ok) return await response.json()
    // A proxy in between may answer in HTML; then the status alone has to do.
    const answer = await response.json().catch(() => null)
    throw new Refused(
      response.status,
      answer?.error?.message || 'The message was not accepted.',
      parseFloat(response.headers.get('Retry-After')),
    )
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

/** Milliseconds before the attempt after `failures` failed ones; jitter keeps tabs apart. */
export const backOff = (failures) =>
  Math.min(30_000, 1000 * 2 ** (failures - 1)) * (0.5 + Math.random() / 2)
