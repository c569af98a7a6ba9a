import { BASE, backOff, request } from './request.js'

// Milliseconds, unless the name says otherwise.
const PING_EVERY = 25_000
const ANSWER_WITHIN = 10_000 // of a frame that must be answered
const STEADY_AFTER = 10_000 // a socket that lived so long has proved itself
const SOCKET_AGAIN = 60_000 // while the long poll stands in
const TYPING_EVERY = 3000
const POLL_SECONDS = 25
const POLL_GAP = 1000 // after an empty answer, in case the gateway does not wait

/**
 * What the gateway tells about one conversation: a socket, or long polls where none gets through.
 *
 * Dispatches, with the contract's value as detail, `messages`, `status`, `typing` and `seen`;
 * `link` (detail: whether we hear the gateway) and `rejected` (detail: the token it refused).
 * Messages may be repeated: the cursor only ever tells what was surely received.
 */
export class Connection extends EventTarget {
  #token = null
  #cursor = 0
  #socket = null
  #heard = false // something on this socket
  #attempts = 0 // since it was last steady
  #unanswered = 0 // connects in a row that brought nothing
  #poll = null
  #typedAt = -TYPING_EVERY
  #timers = {}

  /** Follow the conversation of this token from its first message. */
  start(token) {
    this.stop()
    this.#token = token
    this.#cursor = 0
    this.#attempts = this.#unanswered = 0
    this.#connect()
  }

  stop() {
    this.#token = null
    this.pause()
  }

  /** The network is gone: hold still until `wake`. */
  pause() {
    this.#drop()
    this.#poll?.abort()
    this.#poll = null
  }

  /** The network is back, or the machine has slept: find out at once whether we still hear. */
  wake() {
    if (!this.#token) return
    if (this.#heard) this.#ping()
    if (this.#socket) return // its deadline runs
    this.#attempts = 0
    this.#connect()
  }

  /** Tell that the customer is typing; not worth a request where there is no socket. */
  typing() {
    const now = performance.now()
    if (now - this.#typedAt < TYPING_EVERY) return
    this.#typedAt = now
    this.#send({ type: 'typing' })
  }

  #connect() {
    this.#drop()
    const address = new URL('live', BASE)
    address.protocol = address.protocol.replace('http', 'ws')
    const socket = new WebSocket(address)
    this.#socket = socket
    socket.onopen = () => {
      this.#send({ token: this.#token, after: this.#cursor })
      this.#ping() // answered even when there is nothing to tell
    }
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data))
    socket.onclose = ({ code }) => this.#lost(code)
    this.#after('deadline', ANSWER_WITHIN, () => this.#lost())
  }

  #receive(frame) {
    this.#clear('deadline')
    if (!this.#heard) {
      this.#heard = true
      this.#unanswered = 0
      this.#poll?.abort()
      this.#poll = null
      this.#after('steady', STEADY_AFTER, () => (this.#attempts = 0))
    }
    this.#after('ping', PING_EVERY, () => this.#ping())
    if (frame.type === 'messages') {
      this.#messages(frame.messages)
      this.#send({ type: 'ack', seq: this.#cursor })
    } else if (frame.type === 'status') this.#tell('status', frame.status)
    else if (frame.type === 'typing') this.#tell('typing', frame.who)
    else if (frame.type === 'seen') this.#tell('seen', frame.seq)
    this.#tell('link', true)
  }

  #lost(code) {
    if (code === 4401) return this.#reject()
    if (!this.#heard) this.#unanswered += 1
    this.#drop()
    if (!navigator.onLine) return this.#tell('link', false)
    this.#attempts += 1
    if (this.#unanswered < 2) {
      this.#tell('link', false)
      this.#after('retry', backOff(this.#attempts), () => this.#connect())
    } else {
      if (!this.#poll) this.#longPoll()
      this.#after('retry', SOCKET_AGAIN, () => this.#connect())
    }
  }

  async #longPoll() {
    const { signal } = (this.#poll = new AbortController())
    let failures = 0
    while (!signal.aborted) {
      let pause = 0
      try {
        const path = `messages?after=${this.#cursor}&wait=${failures ? 0 : POLL_SECONDS}`
        const seconds = POLL_SECONDS + 15
        const page = await request(path, { token: this.#token, signal, seconds })
        if (signal.aborted) return
        failures = 0
        this.#messages(page.messages)
        this.#tell('status', page.status)
        this.#tell('typing', page.typing)
        this.#tell('link', true)
        if (!page.messages.length) pause = POLL_GAP
      } catch (error) {
        if (signal.aborted) return
        if (error.status === 401) return this.#reject()
        failures += 1
        this.#tell('link', false)
        pause = error.retryAfter || backOff(failures)
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  #messages(messages) {
    if (!messages.length) return
    this.#tell('messages', messages)
    this.#cursor = Math.max(this.#cursor, ...messages.map((message) => message.seq))
  }

  #reject() {
    const token = this.#token
    this.stop()
    this.#tell('rejected', token)
  }

  #ping() {
    this.#send({ type: 'ping' })
    this.#after('deadline', ANSWER_WITHIN, () => this.#lost())
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame))
  }

  #drop() {
    const socket = this.#socket
    this.#socket = null
    this.#heard = false
    for (const name in this.#timers) this.#clear(name)
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }

  #after(name, milliseconds, work) {
    this.#clear(name)
    this.#timers[name] = setTimeout(work, milliseconds)
  }

  #clear(name) {
    clearTimeout(this.#timers[name])
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
