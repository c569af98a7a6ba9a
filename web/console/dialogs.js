/** Dialogs with a form that stay open until what they ask for is done. */

import { byId, tell } from './dom.js'

export class FormDialog {
  #dialog
  #form
  #submit = null

  constructor(id) {
    this.#dialog = byId(id)
    this.#form = this.#dialog.querySelector('form')
    this.#form.onsubmit = (event) => { event.preventDefault(); this.#send() }
    const close = this.#dialog.querySelector('[data-close]')
    if (close) close.onclick = () => this.close()
  }

  /** @param submit async, gets the form's data; an ApiError it throws is shown in the dialog. */
  open(submit) {
    this.#submit = submit
    this.#form.reset()
    this.#error('')
    this.#dialog.showModal()
  }

  close() {
    this.#dialog.close()
  }

  async #send() {
    const button = this.#form.querySelector('[type=submit]')
    if (button.getAttribute('aria-disabled') === 'true') return
    button.setAttribute('aria-disabled', 'true')
    this.#error('')
    try {
      await this.#submit(new FormData(this.#form))
      this.close()
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      this.#error(error.message)
    } finally {
      button.removeAttribute('aria-disabled')
    }
  }

  #error(sentence) {
    tell(this.#form.querySelector('[role=alert]'), sentence)
  }
}

/** The list of shortcuts, with the switch that turns the single-key ones off. */
export class ShortcutsDialog {
  #dialog = byId('shortcuts-dialog')
  #box = byId('single-keys')

  /** @param storage remembers the switch. */
  constructor(storage) {
    this.#box.checked = storage.get('single-keys', true)
    this.#box.onchange = () => storage.set('single-keys', this.#box.checked)
    this.#dialog.querySelector('form').onsubmit = (event) => {
      event.preventDefault()
      this.#dialog.close()
    }
  }

  get singleKeys() {
    return this.#box.checked
  }

  open() {
    this.#dialog.showModal()
  }
}
