import { element, messageElement, timeElement } from './message.js'

const NEAR_END = 80 // px; who reads further up is not pulled down
const STATES = { waiting: 'Waiting to be sent', stored: 'Sent', seen: 'Seen' }
const byId = (id) => document.getElementById(id)

/**
 * What the customer sees between header and composer, and the header's "who is talking".
 *
 * Dispatches `reply` (detail: {text, button}), `retry` and `edit` (detail: an unsent item).
 */
export class View extends EventTarget {
  #scroller = byId('scroller')
  #log = byId('log')
  #typing = byId('typing')
  #replies = byId('replies')
  #newest = byId('newest')
  #conversation
  #entries = [] // of this conversation, in order: {id?, key?, seq, node, message}
  #repliesOf = null
  #typingTimer
  #shown = 0 // px; where the scroller was last put
  #follow = true // the end of the log is in view, and stays so when something is added

  constructor() {
    super()
    this.#begin()
    this.#newest.onclick = () => {
      this.#toEnd()
      this.#scroller.focus()
    }
    this.#scroller.onscroll = () => {
      // Where we scrolled to ourselves counts as the end: a long answer is shown from its start.
      this.#follow = this.#atEnd() || Math.abs(this.#scroller.scrollTop - this.#shown) < 2
      if (this.#follow) this.#newest.hidden = true
    }
    new ResizeObserver(() => this.#follow && this.#toEnd()).observe(this.#scroller)
  }

  get empty() {
    return !this.#entries.length
  }

  /** The history is being fetched: it is not read out as if it came in now. */
  set busy(busy) {
    this.#log.setAttribute('aria-busy', busy)
  }

  /** Leave what is shown, and start below it with a plain word about why. */
  restart(text) {
    for (const entry of this.#entries.filter((each) => !each.id)) entry.node.remove()
    this.#begin()
    this.#conversation.append(element('p', { class: 'event' }, text))
    this.#after(true)
  }

  /**
   * @param {object[]} messages From the gateway, in any order, perhaps shown before.
   * @returns {number} How many of them are new and from somebody else.
   */
  messages(messages) {
    let news = 0
    for (const message of messages) {
      const known = this.#entries.some((each) => each.id === message.id)
      if (!known && message.author !== 'customer') news += 1
      this.#upsert(message)
      // Whoever answers has seen what was asked, even if we were away when that was told.
      if (message.author === 'agent' && message.kind !== 'event') this.seen(message.seq)
      const asked = this.#entries.find((each) => each.id && each.id === message.in_reply_to)
      if (asked) this.seen(asked.seq)
    }
    if (news && !this.#follow) this.#newest.hidden = false
    this.#after(false)
    return news
  }

  /** @param {object[]} items The outbox's, oldest first. */
  unsent(items) {
    const keys = new Set(items.map((item) => item.key))
    for (const entry of this.#entries) {
      if (!entry.id && !keys.has(entry.key)) entry.node.remove()
    }
    this.#entries = this.#entries.filter((each) => each.id || keys.has(each.key))
    let added = false
    for (const item of items) {
      let entry = this.#entries.find((each) => each.key === item.key)
      if (entry?.id) continue
      if (!entry) {
        const message = { author: 'customer', text: item.text }
        entry = { key: item.key, message, node: messageElement(message) }
        added = true
      }
      entry.seq = Number.MAX_SAFE_INTEGER
      this.#place(entry)
      this.#showState(entry, item)
    }
    this.#after(added)
  }

  /** The customer's messages up to `seq` are seen. */
  seen(seq) {
    for (const entry of this.#entries) {
      if (entry.id && entry.message.author === 'customer' && entry.seq <= seq) {
        entry.message.state = 'seen'
        this.#showState(entry)
      }
    }
  }

  /** @param {?string} name Who is typing; null: nobody. Forgotten after `milliseconds`. */
  typing(name, milliseconds) {
    clearTimeout(this.#typingTimer)
    const text = name ? `${name} is typing` : ''
    if (this.#typing.textContent !== text) this.#typing.textContent = text
    if (name) this.#typingTimer = setTimeout(() => this.typing(null), milliseconds)
    if (this.#follow) this.#toEnd()
  }

  /** @param {{state: string, agent: ?string, reference: ?string}} status */
  status({ state, agent, reference }) {
    const person = agent || 'A colleague'
    const names = { queued: 'Waiting for a person', agent: person, resolved: 'Closed' }
    const name = byId('talking-name')
    name.textContent = names[state] ?? 'Automated assistant'
    if (reference && ['queued', 'resolved'].includes(state)) {
      name.append(' · ', element('span', { class: 'number' }, reference))
    }
    byId('talking-with').dataset.state = state
  }

  #begin() {
    this.#conversation = element('div', { class: 'conversation' })
    this.#log.append(this.#conversation)
    this.#entries = []
  }

  #upsert(message) {
    let entry = this.#entries.find(
      (each) => each.id === message.id || (message.key && each.key === message.key),
    )
    if (!entry) {
      entry = { node: messageElement(message) }
    } else if (!entry.id) {
      entry.node.querySelector('.text').textContent = message.text
      entry.node.querySelector('.meta').append(timeElement(message.at))
    }
    if (entry.message?.state === 'seen') message.state = 'seen'
    Object.assign(entry, { id: message.id, key: message.key, seq: message.seq, message })
    this.#place(entry)
    if (message.author === 'customer') this.#showState(entry)
  }

  /** Put it where its number belongs; a node in its place is not moved, or it is read again. */
  #place(entry) {
    const others = this.#entries.filter((each) => each !== entry)
    const after = others.findIndex((each) => each.seq > entry.seq)
    const index = after < 0 ? others.length : after
    others.splice(index, 0, entry)
    this.#entries = others
    const next = others[index + 1]?.node ?? null
    if (entry.node.parentNode && entry.node.nextSibling === next) return
    this.#conversation.insertBefore(entry.node, next)
  }

  #showState(entry, item) {
    const state = item ? (item.failed ? 'failed' : 'waiting') : entry.message.state
    const place = entry.node.querySelector('.state')
    if (entry.node.dataset.state === state) return
    entry.node.dataset.state = state
    if (state !== 'failed') return place.replaceChildren(STATES[state] ?? '')
    place.replaceChildren(
      element('span', { role: 'alert' }, `Not sent. ${item.failed}`),
      this.#button('Try again', () => this.#tell('retry', item)),
      this.#button('Edit', () => this.#tell('edit', item)),
    )
  }

  /** After any change: who is named, quick replies of the newest message, the end in view. */
  #after(toEnd) {
    let previous
    for (const { message, node } of this.#entries) {
      const same = message.author === previous?.author && message.name === previous?.name
      node.classList.toggle('same', same && previous.kind !== 'event')
      previous = message
    }
    const newest = this.#entries.findLast((each) => each.message.kind !== 'event')
    const { id, author, buttons = [] } = newest?.message ?? {}
    const replies = author === 'bot' && buttons.length ? id : null
    if (replies !== this.#repliesOf) {
      this.#repliesOf = replies
      this.#replies.hidden = !replies
      this.#replies.replaceChildren(
        ...(replies ? buttons : []).map(({ title }, index) =>
          this.#button(title, () => {
            this.#replies.hidden = true
            this.#tell('reply', { text: title, button: { message: id, index } })
          }),
        ),
      )
    }
    if (toEnd || this.#follow) this.#toEnd()
  }

  #button(title, press) {
    const button = element('button', { type: 'button', class: 'pill', dir: 'auto' }, title)
    button.onclick = press
    return button
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller
    return scrollHeight - scrollTop - clientHeight < NEAR_END
  }

  /** The end in view; but of a last message longer than the view, its start. */
  #toEnd() {
    const last = this.#entries.at(-1)
    const { top } = this.#scroller.getBoundingClientRect()
    const above = last ? last.node.getBoundingClientRect().top - top - 8 : Infinity
    this.#scroller.scrollTop += Math.min(above, this.#scroller.scrollHeight)
    this.#shown = this.#scroller.scrollTop
    this.#newest.hidden = true
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
