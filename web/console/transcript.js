/** The transcript: every message once, in order, and what is not sent yet at its end. */

import { announce, arrange, byId, h, helpLink, unseen } from './dom.js'
import { authorName, clock, day, phrase } from './words.js'

export class Transcript {
  #messages = new Map()
  #lines = new Map()
  #customer = null
  #me
  #outbox = []
  #marked = []
  #current = null
  #atEnd = true
  #on

  /**
   * @param me the agent's name.
   * @param onRetry called with an unsent item's key.
   * @param onTakeBack called with an unsent item that goes back into the composer.
   */
  constructor({ me, onRetry, onTakeBack }) {
    this.#me = me
    this.#on = { onRetry, onTakeBack }
    new IntersectionObserver(([entry]) => {
      this.#atEnd = entry.isIntersecting
      if (this.#atEnd) byId('to-newest').hidden = true
    }, { rootMargin: '40px' }).observe(byId('log-end'))
    byId('to-newest').onclick = () => { this.toEnd(); byId('log').focus({ preventScroll: true }) }
  }

  get messages() {
    return [...this.#messages.values()].sort((a, b) => a.seq - b.seq)
  }

  /** Sequence number of the newest message, 0 if there is none. */
  get newest() {
    return Math.max(0, ...[...this.#messages.values()].map((message) => message.seq))
  }

  /** Message id to its number. */
  get numbers() {
    return new Map([...this.#messages.values()].map((message) => [message.id, message.seq]))
  }

  /** Start with another conversation. */
  clear() {
    this.#messages.clear()
    this.#lines.clear()
    this.#outbox = []
    this.#marked = []
    this.#current = null
    byId('messages').replaceChildren()
    byId('to-newest').hidden = true
  }

  /** Take in messages, new or known, in any order. Returns those that were new. */
  add(messages, customer = this.#customer) {
    const fresh = messages.filter((message) => !this.#messages.has(message.id))
    for (const message of messages) this.#messages.set(message.id, message)
    this.#customer = customer
    this.#render()
    return fresh
  }

  /** Show what is not sent yet. */
  showOutbox(items) {
    this.#outbox = items
    this.#render()
  }

  /** Whether this unsent item has arrived after all: its answer was lost, not the message. */
  has(item) {
    const author = item.mode === 'note' ? 'note' : 'agent'
    const same = this.messages.filter((message) => message.seq > item.after
      && message.author === author && message.name === this.#me && message.text === item.text)
    // The same words may be sent twice; the first copy belongs to the first item.
    const rivals = this.#outbox.filter((other) => other.mode === item.mode && other.text === item.text)
    return same.length > rivals.findIndex((other) => other.key === item.key)
  }

  /** Read a message that has just come in to whoever cannot see it. */
  read(message) {
    const name = authorName(message, this.#customer)
    if (message.kind === 'event') announce(message.text)
    else if (message.author === 'customer') announce(`New message from ${name}: ${message.text}`)
    else if (message.author === 'note' && message.name !== this.#me) announce(`New note by ${name}`)
    else if (message.name !== this.#me) announce(`New message from ${name}`)
  }

  /** Mark the messages and go to one of them. */
  mark(ids, index, { focus = false } = {}) {
    this.#marked = ids
    this.#current = ids[index]
    this.#paint()
    const line = this.#lines.get(this.#current).line
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    line.scrollIntoView({ block: 'center', behavior: still ? 'auto' : 'smooth' })
    if (focus) line.focus({ preventScroll: true })
    const message = this.#messages.get(this.#current)
    const place = ids.length > 1 ? `, ${index + 1} of ${ids.length}` : ''
    announce(`Message ${message.seq}${place}, ${authorName(message, this.#customer)}: ${message.text}`)
  }

  toEnd() {
    byId('log-end').scrollIntoView({ block: 'end' })
    byId('to-newest').hidden = true
  }

  #render() {
    const stay = this.#atEnd
    const wanted = []
    let lastDay = null
    for (const message of this.messages) {
      const label = day(message.at)
      if (label !== lastDay) {
        wanted.push(this.#line(`day ${label}`, label, () => h('li', { class: 'day' }, label)))
      }
      lastDay = label
      const print = JSON.stringify([message, this.#customer])
      wanted.push(this.#line(message.id, print, () => this.#message(message)))
    }
    for (const item of this.#outbox.filter((unsent) => !this.has(unsent))) {
      wanted.push(this.#line(item.key, JSON.stringify(item), () => this.#unsent(item)))
    }
    const grew = wanted.length > byId('messages').childElementCount
    arrange(byId('messages'), wanted)
    byId('no-messages').hidden = wanted.length > 0
    this.#paint()
    if (stay) this.toEnd()
    else if (grew) byId('to-newest').hidden = false
  }

  #line(key, print, make) {
    const kept = this.#lines.get(key)
    if (kept?.print === print) return kept.line
    const line = make()
    this.#lines.set(key, { line, print })
    return line
  }

  #paint() {
    for (const [key, { line }] of this.#lines) {
      line.classList.toggle('marked', this.#marked.includes(key))
      line.classList.toggle('current', key === this.#current)
    }
  }

  #message(message) {
    if (message.kind === 'event') {
      return h('li', { class: 'event', tabindex: '-1' }, message.text, ' ', time(message))
    }
    const note = message.author === 'note'
    const mine = note || message.author === 'agent' ? message.name === this.#me : false
    return h('li', { class: `message ${message.author}${mine ? ' mine' : ''}`, tabindex: '-1' },
      h('p', { class: 'by' },
        h('span', { class: 'name' }, authorName(message, this.#customer)),
        note ? h('span', { class: 'chip note-chip' }, 'Internal note') : null,
        message.kind === 'notice' ? h('span', { class: 'chip plain' }, 'Notice') : null,
        time(message),
        h('span', { class: 'number' }, unseen('message '), message.seq)),
      message.step ? h('p', { class: 'step' }, `Step ${message.step.number}: ${message.step.title}`) : null,
      h('p', { class: 'text', dir: 'auto' }, message.text),
      message.step?.look_for ? h('p', { class: 'small' }, `Look for: ${message.step.look_for}`) : null,
      message.case ? h('p', { class: 'small' }, `${phrase(message.case.kind)} ${message.case.number}`) : null,
      message.citations?.length ? h('p', { class: 'small' }, 'Source: ', sources(message.citations)) : null,
      message.buttons?.length ? h('p', { class: 'offered' }, unseen('Offered: '),
        message.buttons.map((button) => h('span', {}, button.title))) : null)
  }

  #unsent(item) {
    const words = {
      sending: item.mode === 'note' ? 'Saving' : 'Sending',
      waiting: 'Not sent yet.',
      refused: 'Not sent.',
    }[item.state]
    const author = item.mode === 'note' ? 'note' : 'agent'
    return h('li', { class: `message ${author} mine unsent ${item.state}`, tabindex: '-1' },
      h('p', { class: 'by' },
        h('span', { class: 'name' }, this.#me),
        item.mode === 'note' ? h('span', { class: 'chip note-chip' }, 'Internal note') : null),
      h('p', { class: 'text', dir: 'auto' }, item.text),
      h('p', { class: 'unsent-state' }, words, item.error ? ` ${item.error}` : null),
      item.state === 'sending' ? null : h('p', { class: 'unsent-actions' },
        h('button', { type: 'button', onClick: () => this.#on.onRetry(item.key) }, 'Try again'),
        h('button', { type: 'button', onClick: () => this.#on.onTakeBack(item) }, 'Edit')))
  }
}

function sources(citations) {
  return citations.flatMap(({ title, section_title: section, url }, at) => [
    at ? '; ' : null,
    helpLink(section ? `${title}, ${section}` : title, url),
  ])
}

function time(message) {
  return h('time', { datetime: message.at }, clock(message.at))
}
