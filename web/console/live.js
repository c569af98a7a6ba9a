/**
 * The live connection. Dispatches:
 *   frame  detail: what the server sent
 *   up     connected; detail.again: after a loss, so what happened meanwhile must be loaded
 *   down   lost, or not established; it keeps trying
 */

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15_000
const PING_MS = 25_000
const PONG_MS = 10_000

export class Live extends EventTarget {
  #socket = null
  #running = false
  #attempts = 0
  #wasUp = false
  #retry = 0
  #ping = 0
  #silence = 0

  constructor() {
    super()
    // A laptop that wakes up should not sit out a back-off made for a server that is down.
    addEventListener('online', () => this.#hurry())
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.#hurry() })
  }

  get isUp() {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  start() {
    if (this.#running) return
    this.#running = true
    this.#attempts = 0
    this.#wasUp = false
    this.#connect()
  }

  stop() {
    this.#running = false
    clearTimeout(this.#retry)
    this.#drop()
  }

  /** Send a frame if connected; what it says is said again after a reconnect by the caller. */
  send(frame) {
    if (this.isUp) this.#socket.send(JSON.stringify(frame))
  }

  #connect() {
    const url = new URL('/console/live', location.href)
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(url)
    this.#socket = socket
    socket.addEventListener('open', () => {
      this.#attempts = 0
      this.#ping = setInterval(() => this.#checkPulse(), PING_MS)
      this.#emit('up', { again: this.#wasUp })
      this.#wasUp = true
    })
    socket.addEventListener('message', (event) => {
      clearTimeout(this.#silence)
      this.#emit('frame', JSON.parse(event.data))
    })
    socket.addEventListener('close', () => { if (socket === this.#socket) this.#lost() })
  }

  #checkPulse() {
    this.send({ type: 'ping' })
    clearTimeout(this.#silence)
    // A connection whose other end vanished stays "open" for minutes; nobody may wait for that.
    this.#silence = setTimeout(() => this.#lost(), PONG_MS)
  }

  #lost() {
    this.#drop()
    if (!this.#running) return
    this.#emit('down', {})
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempts)
    this.#attempts += 1
    this.#retry = setTimeout(() => this.#connect(), longest * (0.5 + Math.random() / 2))
  }

  #hurry() {
    if (!this.#running || this.#socket !== null) return
    clearTimeout(this.#retry)
    this.#connect()
  }

  #drop() {
    clearInterval(this.#ping)
    clearTimeout(this.#silence)
    const socket = this.#socket
    this.#socket = null
    socket?.close()
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
