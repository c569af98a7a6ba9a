/** The articles that their owners should look at: a list to read. */

import { byId, h, helpLink, tell } from './dom.js'
import { date } from './words.js'

export class Review {
  #api

  constructor(api) {
    this.#api = api
  }

  /** Load the list and show it. */
  async open() {
    byId('review-state').textContent = 'Loading'
    tell(byId('review-error'), '')
    try {
      this.#show(await this.#api.articlesToLookAt())
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      tell(byId('review-error'), `The list could not be loaded. ${error.message}`)
    }
    byId('review-state').textContent = ''
  }

  #show({ findings, due }) {
    byId('review-findings').replaceChildren(...findings.length
      ? findings.map(finding) : [h('li', {}, 'None.')])
    byId('review-due').replaceChildren(...due.length
      ? due.map(({ article, title, owner, until }) => h('li', {}, helpLink(title, `/help/${article}`),
        ` valid until ${date(until)}, owner ${owner}`))
      : [h('li', {}, 'None.')])
  }
}

function finding(one) {
  const title = one.section_title ? `${one.title} › ${one.section_title}` : one.title
  const told = one.helped + one.did_not_help
  return h('li', {}, helpLink(title, one.url), one.is_step ? ' (a step)' : '',
    h('p', { class: 'small' }, `Did not help ${one.did_not_help} of ${told}, at least `
      + `${Math.round(one.bound * 100)} % of all (95 % confidence). Owner: ${one.owner}.`))
}
