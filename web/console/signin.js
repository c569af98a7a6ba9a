/** The sign-in form. */

import { byId, tell } from './dom.js'
import { duration } from './words.js'

export class SignIn {
  #signIn
  #onDone
  #busy = false

  /**
   * @param signIn async (email, password), answers with {agent}.
   * @param onDone called with the agent.
   */
  constructor(signIn, onDone) {
    this.#signIn = signIn
    this.#onDone = onDone
    byId('sign-in-form').onsubmit = (event) => { event.preventDefault(); this.#send() }
  }

  /** @param reason why the agent has to sign in, if there is something to say. */
  show(reason, email = '') {
    if (!byId('sign-in').hidden) return
    // A modal dialog would cover the form and keep the keyboard.
    for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close()
    tell(byId('sign-in-reason'), reason)
    byId('sign-in').hidden = false
    byId('email').value = email
    byId('password').value = ''
    byId(email ? 'password' : 'email').focus()
  }

  async #send() {
    if (this.#busy) return
    const email = byId('email').value.trim()
    const password = byId('password').value
    if (!email || !password) {
      this.#refuse('Enter your email and your password.', email ? 'password' : 'email')
      return
    }
    this.#busy = true
    tell(byId('sign-in-error'), '')
    try {
      const { agent } = await this.#signIn(email, password)
      byId('sign-in').hidden = true
      byId('password').value = ''
      this.#onDone(agent)
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      this.#refuse(sentence(error), 'password')
    } finally {
      this.#busy = false
    }
  }

  #refuse(text, field) {
    tell(byId('sign-in-error'), text)
    byId(field).focus()
  }
}

function sentence(error) {
  if (error.status === 401) return 'The email or the password is not right.'
  if (error.status !== 429) return error.message
  return error.retryAfterSeconds
    ? `Too many attempts. Try again in ${duration(error.retryAfterSeconds)}.`
    : 'Too many attempts. Try again later.'
}
