/**
 * Where an agent writes. A reply reaches the customer, a note only colleagues: the two have
 * separate drafts, colours, labels and buttons, so that neither is sent for the other.
 */

import { announce, byId } from './dom.js'

const TYPING_EVERY_MS = 3000
const LONGEST = 4000 // characters, the server's limit
const WORDS = {
  reply: {
    label: 'Reply to the customer',
    send: 'Send to customer',
    hint: 'Ctrl or Cmd and Enter sends.',
  },
  note: {
    label: 'Internal note: the customer does not see it',
    send: 'Save note',
    hint: 'Only colleagues read this.',
  },
}

export class Composer {
  #drafts
  #on
  #conversation = null
  #draft = null
  #refusal = ''
  #typedAt = -Infinity

  /**
   * @param drafts where unsent text is kept.
   * @param onSend called with (mode, text).
   * @param onTyping called while a reply is being written, at most every three seconds.
   */
  constructor({ drafts, onSend, onTyping }) {
    this.#drafts = drafts
    this.#on = { onSend, onTyping }
    const form = byId('composer')
    form.onsubmit = (event) => { event.preventDefault(); this.#send() }
    form.onchange = (event) => { if (event.target.name === 'mode') this.setMode(event.target.value) }
    byId('text').oninput = () => this.#typed()
    byId('text').onkeydown = (event) => this.#key(event)
  }

  /** Take up the conversation's draft. */
  open(conversation) {
    this.#conversation = conversation
    this.#draft = this.#drafts.get(conversation)
    byId('text').value = this.#draft[this.#draft.mode]
    this.#paint()
  }

  /** @param refusal why no reply can be sent now, as a sentence; empty if one can. */
  allow(refusal) {
    this.#refusal = refusal
    this.#paint()
  }

  setMode(mode) {
    this.#draft.mode = mode
    this.#drafts.set(this.#conversation, this.#draft)
    byId('text').value = this.#draft[mode]
    this.#paint()
  }

  focus(mode) {
    if (mode !== this.#draft.mode) this.setMode(mode)
    byId('text').focus()
  }

  /** Put a text into the reply or note; what is written there stays above it. */
  insert(mode, text) {
    const written = this.#draft[mode].trimEnd()
    this.#draft[mode] = written ? `${written}\n\n${text}` : text
    this.setMode(mode)
    byId('text').focus()
  }

  #typed() {
    this.#draft[this.#draft.mode] = byId('text').value
    this.#drafts.set(this.#conversation, this.#draft)
    this.#paint()
    const now = performance.now()
    if (this.#draft.mode === 'note' || this.#refusal || now - this.#typedAt < TYPING_EVERY_MS) return
    this.#typedAt = now
    this.#on.onTyping()
  }

  #key(event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      this.#send()
    } else if (event.key === 'Escape' && !event.isComposing) {
      byId('log').focus({ preventScroll: true })
    }
  }

  #send() {
    const { mode } = this.#draft
    const text = this.#draft[mode].trim()
    const refused = this.#refused()
    if (refused) {
      announce(refused)
      return
    }
    if (!text) {
      announce(mode === 'note' ? 'The note is empty.' : 'The reply is empty.')
      byId('text').focus()
      return
    }
    this.#on.onSend(mode, text)
    this.#draft[mode] = ''
    this.#drafts.set(this.#conversation, this.#draft)
    byId('text').value = ''
    this.#paint()
    byId('text').focus()
  }

  /** Why what is written cannot be sent as it is; empty if it can. */
  #refused() {
    const { mode } = this.#draft
    const { length } = this.#draft[mode].trim()
    if (length > LONGEST) return `${length} characters; at most ${LONGEST} can be sent at once.`
    return mode === 'reply' ? this.#refusal : ''
  }

  #paint() {
    if (this.#draft === null) return
    const { mode } = this.#draft
    const form = byId('composer')
    form.dataset.mode = mode
    form.querySelector(`input[value=${mode}]`).checked = true
    byId('composer-label').textContent = WORDS[mode].label
    byId('send').textContent = WORDS[mode].send
    const refused = this.#refused()
    byId('send').setAttribute('aria-disabled', String(Boolean(refused)))
    byId('composer-hint').textContent = refused || this.#hint()
  }

  #hint() {
    if (!this.#drafts.lasting) return 'This browser keeps no drafts: a reload loses them.'
    return WORDS[this.#draft.mode].hint
  }
}
