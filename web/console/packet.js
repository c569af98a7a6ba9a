/**
 * What an agent reads in twenty seconds: why a person is needed, about which product, what is
 * known, what was tried, what is wanted. Each sentence leads to the messages it comes from.
 * A packet may be reduced (retrieval or Rasa was down): whatever is missing is left out.
 */

import { h, helpLink, unseen } from './dom.js'
import { date, moment, phrase } from './words.js'

const STATUS = {
  verified: ['verified', 'Verified'],
  'customer says': ['says', 'Customer says'],
  inferred: ['inferred', 'Inferred'],
  unknown: ['unknown', 'Unknown'],
}

// Facts whose value is an id of ours, not the customer's words.
const CODED = new Set(['product_type', 'remedy'])

export class PacketView {
  #numbers
  #onShow
  #onUse
  #pressed = null
  #at = 0

  /**
   * @param numbers message id to its number in the transcript.
   * @param onShow called with (ids, index): mark these messages, go to that one.
   * @param onUse called with a reply's text.
   */
  constructor({ numbers, onShow, onUse }) {
    this.#numbers = numbers
    this.#onShow = onShow
    this.#onUse = onUse
  }

  /** The headline as a source button, for the top of the conversation. */
  headline(packet) {
    return this.#source(packet.headline?.text ?? 'Handoff', packet.headline?.messages)
  }

  /** All blocks, most needed first. */
  blocks(packet, cases) {
    return [
      packet.incident ? h('p', { class: 'incident' }, 'Hazard reported. This is an incident.') : null,
      this.#trigger(packet),
      this.#sentences('Summary', packet.summary),
      this.#product(packet.product),
      this.#facts(packet.facts),
      this.#tried(packet.tried),
      this.#wish(packet.wish),
      this.#sentences('Open questions', packet.open_questions),
      this.#promises(packet.promises),
      this.#feelings(packet.feelings),
      this.#suggestions(packet.suggestions),
      this.#customer(packet.customer),
      casesBlock(cases),
      this.#release(packet),
    ].filter(Boolean)
  }

  /** Text that leads to its messages; plain text when none of them is in the transcript. */
  #source(text, ids) {
    const known = (ids ?? []).filter((id) => this.#numbers.has(id))
    if (!known.length) return h('span', { dir: 'auto' }, text)
    const numbers = known.map((id) => this.#numbers.get(id)).join(', ')
    return h('button', {
      type: 'button', class: 'source', onClick: (event) => this.#show(event.currentTarget, known),
    }, h('span', { class: 'source-text', dir: 'auto' }, text), ' ', h('span', { class: 'numbers' },
      unseen(known.length === 1 ? 'message ' : 'messages '), numbers))
  }

  #show(button, ids) {
    this.#at = this.#pressed === button ? (this.#at + 1) % ids.length : 0
    if (this.#pressed !== button) this.#pressed?.removeAttribute('data-on')
    this.#pressed = button
    button.setAttribute('data-on', '')
    this.#onShow(ids, this.#at)
  }

  #trigger({ trigger, urgency, skill }) {
    if (!trigger) return null
    const level = urgency?.level ?? 'normal'
    return block('Why a person', 'trigger',
      h('p', {}, this.#source(trigger.text ?? phrase(trigger.code), trigger.messages)),
      trigger.quote ? h('blockquote', { dir: 'auto' }, trigger.quote) : null,
      h('p', { class: 'small' },
        'Urgency ', h('span', { class: `chip ${level}` }, phrase(level)),
        urgency?.reason ? ` ${urgency.reason}` : null),
      skill ? h('p', { class: 'small' }, `Skill: ${phrase(skill.name)}. ${skill.reason ?? ''}`) : null,
      trigger.rule ? h('p', { class: 'small' }, `Rule: ${trigger.rule}`) : null)
  }

  #sentences(title, items) {
    if (!items?.length) return null
    return block(title, 'sentences', list(items.map((item) => this.#source(item.text, item.messages))))
  }

  #product(product) {
    if (!product) return null
    const name = [phrase(product.type), product.model].filter(Boolean).join(' ') || 'Product unknown'
    return block('Product and warranty', 'product',
      h('p', { class: 'product-name' }, name),
      h('dl', { class: 'pairs' },
        pair('Serial', product.serial ?? 'Unknown'),
        pair('Delivered', product.delivered_on ? date(product.delivered_on) : 'Unknown'),
        pair('Warranty', product.warranty?.text ?? 'Unknown')))
  }

  #facts(facts) {
    if (!facts?.length) return null
    return block('Facts', 'facts', h('dl', { class: 'fact-list' }, facts.map((fact) => {
      const [kind, words] = STATUS[fact.status] ?? ['unknown', phrase(fact.status)]
      return h('div', {},
        h('dt', {}, fact.label ?? phrase(fact.name)),
        h('dd', {}, this.#source(factValue(fact), fact.messages)),
        h('dd', { class: 'status' }, h('span', { class: `chip ${kind}` }, words)))
    })))
  }

  #tried(tried) {
    if (!tried) return null
    return block('Tried so far', 'tried', tried.length
      ? list(tried.map((entry) => this.#step(entry)), 'ol')
      : h('p', { class: 'small' }, 'Nothing has been tried.'))
  }

  #step(entry) {
    const kind = entry.outcome === 'helped' ? 'verified' : 'plain'
    return h('div', { class: 'tried-step' },
      h('div', {}, this.#source(entry.step, entry.messages), entry.title
        ? h('p', { class: 'small' }, helpLink(entry.title, articleAddress(entry))) : null),
      h('span', { class: `chip ${kind}` }, phrase(entry.outcome)))
  }

  #wish(wish) {
    if (!wish) return null
    return block('Wish', 'wish',
      h('p', {}, this.#source(wish.text, wish.messages)),
      wish.remedy || wish.deadline ? h('dl', { class: 'pairs' },
        wish.remedy ? pair('Remedy', phrase(wish.remedy)) : null,
        wish.deadline ? pair('By', asDate(wish.deadline)) : null) : null)
  }

  #promises(promises) {
    if (!promises?.length) return null
    return block('Promises made', 'promises', list(promises.map((promise) => h('div', {},
      this.#source(promise.text, promise.messages),
      promise.due ? h('p', { class: 'small' }, `Due ${asDate(promise.due)}`) : null))))
  }

  #feelings(feelings) {
    if (!feelings?.length) return null
    return block('How it was said', 'feelings', list(feelings.map((feeling) => h('div', {},
      this.#source(feeling.text, feeling.messages),
      feeling.quote ? h('blockquote', { dir: 'auto' }, feeling.quote) : null))))
  }

  #suggestions(suggestions) {
    const { steps = [], articles = [], reply } = suggestions ?? {}
    if (!steps.length && !articles.length && !reply) return null
    const use = () => this.#onUse(reply)
    return block('Suggestions', 'suggestions',
      steps.length ? [h('h4', {}, 'Next steps'), list(steps)] : null,
      reply ? [h('h4', {}, 'First reply'), h('p', { class: 'suggested-reply' }, reply),
        h('button', { type: 'button', onClick: use }, 'Use this reply')] : null,
      articles.length ? [h('h4', {}, 'Articles'), list(articles.map(scoredLink))] : null)
  }

  #customer(customer) {
    if (!customer) return null
    const earlier = customer.earlier_cases ?? []
    return block('Customer', 'customer', h('dl', { class: 'pairs' },
      pair('Name', customer.name ?? 'Not given'),
      pair('Identity', phrase(customer.proof ?? 'not proved')),
      pair('Channel', phrase(customer.channel)),
      customer.language ? pair('Language', customer.language) : null,
      pair('Earlier cases', earlier.length ? earlier.map(caseText).join(', ') : 'None')))
  }

  #release({ reference, made_at, release }) {
    const parts = [reference, made_at ? `made ${moment(made_at)}` : null,
      ...Object.entries(release ?? {}).map(([name, value]) => `${name} ${value}`)].filter(Boolean)
    return parts.length ? h('p', { class: 'small release' }, parts.join(' · ')) : null
  }
}

/** Cases opened from this conversation; also shown where there is no packet. */
export function casesBlock(cases) {
  if (!cases?.length) return null
  return block('Cases', 'cases', list(cases.map((entry) => h('span', {},
    h('strong', {}, entry.number), ` ${phrase(entry.kind)}, ${phrase(entry.status).toLowerCase()}`,
    entry.opened_at ? `, opened ${moment(entry.opened_at)}` : null))))
}

function block(title, name, ...children) {
  return h('section', { class: `block ${name}` }, h('h3', {}, title), ...children.flat())
}

function list(items, tag = 'ul') {
  return h(tag, {}, items.map((item) => h('li', {}, item)))
}

function pair(term, value) {
  return h('div', {}, h('dt', {}, term), h('dd', {}, value))
}

function factValue({ name, value }) {
  if (!value) return 'Not known'
  return CODED.has(name) ? phrase(value) : value
}

function articleAddress({ article, section }) {
  if (!article) return ''
  return `/help/${encodeURIComponent(article)}#${encodeURIComponent(section ?? '')}`
}

function asDate(value) {
  return Number.isNaN(Date.parse(value)) ? value : date(value)
}

function scoredLink({ title, url, score }) {
  if (typeof score !== 'number') return helpLink(title, url)
  return h('span', {}, helpLink(title, url), h('span', { class: 'small' }, ` ${scoreText(score)}`))
}

/** A probability as a percentage; any other score as it is. */
function scoreText(value) {
  return value >= 0 && value <= 1 ? `${Math.round(value * 100)} %` : value.toFixed(2)
}

function caseText(entry) {
  if (typeof entry === 'string') return entry
  const status = entry.status ? phrase(entry.status).toLowerCase() : ''
  return [entry.number, entry.kind ? phrase(entry.kind) : '', status].filter(Boolean).join(' ')
}
