/**
 * The articles that may answer an open conversation, best first, each with why it was found. An
 * agent may ask something else, and put a quotation with its link into the reply.
 */

import { byId, h, helpLink, tell } from './dom.js'

const QUOTED = '> ' // how a plain text shows that it is quoted
const MATCHED_CHARACTERS = 160

export class Articles {
  #api
  #onUse
  #conversation = null
  #asked = 0

  /** @param onUse called with (mode, text): where an excerpt may go, and the excerpt. */
  constructor(api, onUse) {
    this.#api = api
    this.#onUse = onUse
    byId('articles-form').onsubmit = (event) => {
      event.preventDefault()
      this.#load(byId('articles-question').value.trim())
    }
  }

  /** Show what fits another conversation; null for none. */
  open(conversation) {
    this.#conversation = conversation
    this.#asked += 1
    byId('articles-question').value = ''
    byId('articles-found').replaceChildren()
    byId('articles-state').textContent = ''
    tell(byId('articles-error'), '')
    if (conversation !== null) this.#load('')
  }

  /** The conversation's problem may be another one now; what the agent asked stays. */
  refresh() {
    if (!byId('articles-question').value.trim()) this.#load('')
  }

  async #load(question) {
    this.#asked += 1
    const asked = this.#asked
    byId('articles-state').textContent = 'Searching'
    try {
      const found = await this.#api.articles(this.#conversation, question)
      if (asked === this.#asked) this.#show(found)
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      if (asked !== this.#asked) return
      byId('articles-state').textContent = ''
      byId('articles-found').replaceChildren()
      tell(byId('articles-error'), `${error.message} Search again in a moment.`)
    }
  }

  #show({ question, results }) {
    tell(byId('articles-error'), '')
    byId('articles-state').textContent = results.length ? `For “${question}”`
      : question ? `Nothing fits “${question}”.` : 'The customer has not written yet.'
    byId('articles-found').replaceChildren(...results.map((one) => this.#item(one)))
  }

  #item(one) {
    const title = one.section_title ? `${one.title} › ${one.section_title}` : one.title
    const mode = one.address === null ? 'note' : 'reply'
    const use = () => this.#onUse(mode, excerpt(one, title))
    return h('li', {},
      h('p', {}, one.url === null ? h('strong', {}, title) : helpLink(title, one.url),
        ' ', h('span', { class: 'chip plain' }, `${Math.round(one.score * 100)} %`),
        one.audience === 'agent' ? h('span', { class: 'chip says' }, 'For agents only') : null),
      h('p', { class: 'small' }, reason(one)),
      h('details', {}, h('summary', {}, 'Quotation'),
        h('blockquote', { class: 'excerpt', dir: 'auto' }, one.quote)),
      h('button', { type: 'button', onClick: use, 'aria-label': `${WORDS[mode]}: ${title}` },
        WORDS[mode]))
  }
}

const WORDS = { reply: 'Insert into the reply', note: 'Insert into the note' }

/** The quotation and where it stands; what is for agents only has no address to send. */
function excerpt({ quote, address }, title) {
  const quoted = quote.split('\n').map((line) => QUOTED + line).join('\n')
  return `${quoted}\n${title}${address === null ? '' : `: ${address}`}`
}

function reason({ matched, words }) {
  const text = matched.length > MATCHED_CHARACTERS
    ? `${matched.slice(0, MATCHED_CHARACTERS)}…` : matched
  return `Fits “${text}”. ${words.length ? `Words in common: ${words.join(', ')}.` : 'By its meaning.'}`
}
