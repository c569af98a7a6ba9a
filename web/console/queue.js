/** The queue: five lists as tabs, and who waits how long. */

import { arrange, byId, h, tell, unseen } from './dom.js'
import { clock, count, duration, phrase } from './words.js'

const LISTS = [
  { name: 'urgent', title: 'Urgent', blank: 'Nothing urgent.' },
  { name: 'unassigned', title: 'Unassigned', blank: 'Nobody is waiting.' },
  { name: 'mine', title: 'Mine', blank: 'You have no conversations.' },
  { name: 'all', title: 'All', blank: 'Nobody is waiting.' },
  { name: 'bot', title: 'With the bot', blank: 'The bot has no recent conversations.' },
]
const URGENCY = { urgent: 'Urgent', high: 'High' } // normal needs no mark

export class Queue {
  #storage
  #lists = null
  #receivedAt = 0
  #errors = { bot: null, rest: null }
  #selected
  #open = null
  #rows = new Map()
  #onOpen

  /**
   * @param storage remembers the selected list.
   * @param onOpen called with a conversation's id.
   * @param onRetry called when the agent wants a failed list loaded again.
   */
  constructor({ storage, onOpen, onRetry }) {
    this.#storage = storage
    this.#onOpen = onOpen
    const kept = storage.get('list', 'unassigned')
    this.#selected = LISTS.some(({ name }) => name === kept) ? kept : 'unassigned'
    byId('queue-error').querySelector('button').onclick = onRetry
    byId('lists').replaceChildren(...LISTS.map((list) => this.#tab(list)))
    byId('queue-items').onkeydown = (event) => this.#arrows(event)
    byId('queue-items').replaceChildren()
    this.#render()
  }

  /** How many wait for a person and have none. */
  get waiting() {
    return (this.#lists?.all ?? []).filter((item) => item.state === 'queued').length
  }

  /** Show a queue answer. Returns the handoffs that wait now and were not known before. */
  show(queue) {
    const known = this.#lists && new Set(this.#lists.all?.map((item) => item.handoff))
    this.#lists = { ...this.#lists, ...queue }
    this.#receivedAt = performance.now()
    this.#errors.rest = null
    this.#render()
    if (!known) return []
    return queue.all.filter((item) => item.state === 'queued' && !known.has(item.handoff))
  }

  showBot(conversations) {
    this.#lists = { ...this.#lists, bot: conversations }
    this.#errors.bot = null
    this.#render()
  }

  /** Say that a list could not be loaded; what is on the screen stays. */
  fail(sentence, { bot = false } = {}) {
    this.#errors[bot ? 'bot' : 'rest'] = sentence
    this.#render()
  }

  /** Mark the conversation that is open, if any. */
  mark(conversation) {
    this.#open = conversation
    for (const [id, row] of this.#rows) {
      row.button.setAttribute('aria-current', String(id === conversation))
    }
  }

  /** Waiting times go on while nothing arrives. */
  tick() {
    const since = (performance.now() - this.#receivedAt) / 1000
    for (const { item, waiting } of this.#rows.values()) {
      if (waiting) waiting.textContent = duration(item.waiting_seconds + since)
    }
  }

  /** Move the focus by one row, or to the first, or to the open one. */
  move(step) {
    const buttons = [...byId('queue-items').querySelectorAll('button')]
    if (!buttons.length) return
    let at = buttons.indexOf(document.activeElement)
    if (at === -1) at = buttons.findIndex((button) => button.getAttribute('aria-current') === 'true')
    const next = at === -1 ? 0 : Math.min(buttons.length - 1, Math.max(0, at + step))
    buttons[next].focus()
  }

  select(name) {
    this.#selected = name
    this.#storage.set('list', name)
    this.#render()
  }

  #tab({ name, title }) {
    return h('button', {
      type: 'button', role: 'tab', id: `list-${name}`, 'aria-controls': 'list-panel',
      onClick: () => this.select(name),
      onKeydown: (event) => this.#tabKeys(event),
    }, `${title} `, h('span', { class: 'count' }))
  }

  #tabKeys(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const at = LISTS.findIndex(({ name }) => name === this.#selected)
    const { name } = LISTS[(at + step + LISTS.length) % LISTS.length]
    this.select(name)
    byId(`list-${name}`).focus()
  }

  #arrows(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    this.move(step)
  }

  #render() {
    for (const { name } of LISTS) {
      const tab = byId(`list-${name}`)
      const items = this.#lists?.[name]
      tab.setAttribute('aria-selected', String(name === this.#selected))
      tab.tabIndex = name === this.#selected ? 0 : -1
      tab.classList.toggle('alarm', name === 'urgent' && items?.length > 0)
      tab.querySelector('.count').textContent = items ? items.length : ''
    }
    byId('list-panel').setAttribute('aria-labelledby', `list-${this.#selected}`)

    const error = byId('queue-error')
    const sentence = this.#errors[this.#selected === 'bot' ? 'bot' : 'rest']
    error.hidden = !sentence
    error.querySelector('span').textContent = sentence ?? ''

    const items = this.#lists?.[this.#selected]
    tell(byId('queue-blank'), sentence ? '' : this.#blank(items))
    byId('queue-items').hidden = !items?.length
    this.#fill(items ?? [])
    this.tick()
  }

  #blank(items) {
    if (items === undefined) return 'Loading the queue'
    return items.length ? '' : LISTS.find(({ name }) => name === this.#selected).blank
  }

  #fill(items) {
    const focused = [...this.#rows].find(([, row]) => row.button === document.activeElement)?.[0]
    const rows = new Map()
    for (const item of items) {
      // Times count on by themselves: a row is made anew only when something else changed.
      const print = JSON.stringify({ ...item, waiting_seconds: 0 })
      const kept = this.#rows.get(item.conversation)
      const row = kept?.print === print ? Object.assign(kept, { item }) : this.#row(item, print)
      rows.set(item.conversation, row)
    }
    this.#rows = rows
    arrange(byId('queue-items'), [...rows.values()].map((row) => row.line))
    this.mark(this.#open)
    if (focused !== undefined) rows.get(focused)?.button.focus({ preventScroll: true })
  }

  #row(item, print) {
    const isBot = item.handoff === undefined
    const waiting = isBot ? null : h('span', { class: 'wait' })
    const last = item.last_message
    const open = () => this.#onOpen(item.conversation)
    const owner = item.mine ? 'You' : item.agent ?? 'Nobody yet'
    const button = h('button', { type: 'button', class: `row ${item.urgency ?? ''}`, onClick: open },
    h('span', { class: 'row-top' },
      URGENCY[item.urgency] ? h('span', { class: `chip ${item.urgency}` }, URGENCY[item.urgency]) : null,
      h('span', { class: 'row-kind' }, isBot ? `Since ${clock(item.started_at)}` : phrase(item.trigger)),
      isBot ? null : h('span', { class: 'row-wait' },
        unseen(item.state === 'queued' ? 'waiting ' : 'since '), waiting)),
    h('span', { class: 'row-title' }, item.headline ?? last?.text ?? 'Nothing written yet'),
    last && !isBot ? h('span', { class: 'row-last', dir: 'auto' }, unseen('Last: '), last.text) : null,
    h('span', { class: 'row-bottom' },
      h('span', {}, isBot ? lastWords(last) : owner),
      item.reference ? h('span', { class: 'reference' }, item.reference) : null,
      item.unread ? h('span', { class: 'unread' }, count(item.unread, 'new', 'new')) : null))
    return { item, print, waiting, button, line: h('li', {}, button) }
  }
}

function lastWords(last) {
  if (!last) return ''
  return `${last.author === 'customer' ? 'The customer' : 'The assistant'} wrote at ${clock(last.at)}`
}
