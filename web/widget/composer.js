const byId = (id) => document.getElementById(id)

/**
 * Where the customer writes. Enter sends, Shift+Enter starts a line, the draft survives a reload.
 *
 * Dispatches `send` (detail: the text) and `typing`.
 */
export class Composer extends EventTarget {
  maximum = 4000 // characters
  #text = byId('text')
  #length = byId('length')
  #kept

  /** @param {import('./kept.js').Kept} kept Of this tab alone: two tabs are two drafts. */
  constructor(kept) {
    super()
    this.#kept = kept
    byId('composer').onsubmit = (event) => {
      event.preventDefault()
      this.#send()
    }
    this.#text.onkeydown = (event) => {
      // While an input method composes, Enter chooses a word (229: Safari tells it late).
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) {
        return
      }
      event.preventDefault()
      this.#send()
    }
    this.#text.oninput = () => {
      this.#changed()
      this.dispatchEvent(new Event('typing'))
    }
    this.text = kept.get('draft') ?? ''
    this.#text.readOnly = false // the page lets nobody write before somebody listens
  }

  get text() {
    return this.#text.value
  }

  set text(text) {
    this.#text.value = text
    this.#changed()
  }

  focus() {
    this.#text.focus()
  }

  #send() {
    const text = this.text.trim()
    this.focus()
    if (!text || this.#excess > 0) return
    this.text = ''
    this.dispatchEvent(new CustomEvent('send', { detail: text }))
  }

  /** Characters over the limit, counted as the gateway counts them: by code point. */
  get #excess() {
    return [...this.text.trim()].length - this.maximum
  }

  #changed() {
    const { style } = this.#text
    style.height = 'auto'
    style.height = `${this.#text.scrollHeight + 2}px` // its border is not in scrollHeight
    this.#kept.set('draft', this.text)
    const over = this.#excess
    this.#text.setAttribute('aria-invalid', over > 0)
    this.#length.textContent =
      over > 0 ? `Too long by ${over} characters. Please send it in parts.` : ''
  }
}
