/** The open conversation: head with its actions, packet, transcript and composer. */

import { coalesced } from './api.js'
import { Articles } from './articles.js'
import { Composer } from './composer.js'
import { FormDialog } from './dialogs.js'
import { announce, byId, h, tell, unseen } from './dom.js'
import { casesBlock, PacketView } from './packet.js'
import { Transcript } from './transcript.js'
import { moment, phrase } from './words.js'

const TYPING_SHOWN_MS = 6000
const STALE = 'Not up to date.'
const CHOOSE = 'Choose a conversation from the queue.'

export class Conversation {
  #api
  #me
  #live
  #outbox
  #onChanged
  #id = null
  #data = null
  #shown = ''
  #transcript
  #composer
  #articles
  #resolveDialog = new FormDialog('resolve-dialog')
  #returnDialog = new FormDialog('return-dialog')
  #typingTimer = 0
  #busy = false
  #load = coalesced(() => this.#fetch())

  /**
   * @param me the signed-in agent.
   * @param onChanged called after an action that changes the queue.
   */
  constructor({ api, me, live, drafts, outbox, onChanged }) {
    this.#api = api
    this.#me = me
    this.#live = live
    this.#outbox = outbox
    this.#onChanged = onChanged
    this.#transcript = new Transcript({
      me: me.name,
      onRetry: (key) => outbox.retry(this.#id, key),
      onTakeBack: (item) => this.#takeBack(item),
    })
    this.#composer = new Composer({
      drafts,
      onSend: (mode, text) => {
        outbox.add(this.#id, mode, text, this.#transcript.newest)
        this.#transcript.toEnd()
      },
      onTyping: () => this.#postTyping(),
    })
    this.#articles = new Articles(api, (mode, text) => {
      this.#use(mode, text, `The quotation is in the ${mode}.`)
    })
    outbox.addEventListener('change', ({ detail }) => { if (detail === this.#id) this.#showOutbox() })
    document.addEventListener('visibilitychange', () => this.watch())
    byId('claim').onclick = () => this.claim()
    byId('take').onclick = () => this.claim()
    byId('return').onclick = () => this.#returnDialog.open(async (form) => {
      await this.#settle(this.#api.returnToBot(this.#id, form.get('note').trim()))
      announce('The bot has this conversation again.')
    })
    byId('resolve').onclick = () => this.#resolveDialog.open(async (form) => {
      await this.#settle(this.#api.resolve(this.#id, form.get('outcome'), form.get('note').trim()))
      announce('Resolved.')
    })
    byId('conversation-retry').onclick = () => this.reload()
    this.#blank(CHOOSE)
  }

  get id() {
    return this.#id
  }

  /** Open a conversation, or none (null). */
  async open(id) {
    if (id === this.#id) return
    this.#id = id
    this.#data = null
    this.#shown = ''
    this.#transcript.clear()
    this.#typing(false)
    this.#articles.open(null)
    tell(byId('collision'), '')
    tell(byId('action-error'), '')
    this.watch()
    if (id === null) {
      this.#blank(CHOOSE)
      return
    }
    this.#blank('Loading the conversation')
    this.#composer.open(id)
    await this.reload()
    if (id !== this.#id || this.#data === null) return
    this.#transcript.toEnd()
    this.#onChanged() // what was unread has been seen
    // Reading starts at the headline, unless the agent has moved on meanwhile.
    if (document.activeElement === document.body || byId('queue').contains(document.activeElement)) {
      byId('headline').focus({ preventScroll: true })
    }
  }

  reload() {
    return this.#id === null ? Promise.resolve() : this.#load()
  }

  /** Tell the server which conversation is being looked at; its messages count as seen. */
  watch() {
    if (!document.hidden) this.#live.send({ type: 'watch', conversation: this.#id })
  }

  /** What the live connection says about this conversation. */
  hear(frame) {
    if (frame.conversation !== this.#id || this.#id === null) return
    if (frame.type === 'message') this.stored(frame.message)
    else if (frame.type === 'conversation') this.reload()
    else if (frame.type === 'typing') this.#typing(true)
    else if (frame.type === 'watchers') this.#collision(frame.names)
  }

  /** Take in a message of this conversation. */
  stored(message) {
    const fresh = this.#transcript.add([message])
    this.#showOutbox()
    this.#notice(fresh)
  }

  /** What has come in while the conversation was open is read out, and counts as seen. */
  #notice(fresh) {
    for (const message of fresh) this.#transcript.read(message)
    if (fresh.some((message) => message.author === 'customer')) {
      this.#typing(false)
      this.watch()
    }
  }

  /** Claim a waiting conversation, or take one over from the bot. */
  async claim() {
    const state = this.#data?.conversation.status.state
    if (this.#busy || (state !== 'queued' && state !== 'bot')) return
    this.#busy = true
    tell(byId('action-error'), '')
    try {
      await this.#settle(state === 'bot' ? this.#api.take(this.#id) : this.#api.claim(this.#id))
      announce('You have this conversation.')
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      tell(byId('action-error'), error.message)
      this.#onChanged()
      await this.reload()
    } finally {
      this.#busy = false
    }
  }

  /** Show one part where only one fits the screen; the transcript at its end. */
  view(name) {
    showView(name)
    if (name === 'transcript' && this.#data !== null) this.#transcript.toEnd()
  }

  /** Put the cursor where a reply or note is written. */
  write(mode) {
    if (this.#data === null) return
    showView('transcript')
    this.#composer.focus(mode)
  }

  /** Wait for an action, then show what it changed. */
  async #settle(action) {
    await action
    this.#onChanged()
    await this.reload()
    byId('headline').focus({ preventScroll: true })
  }

  async #fetch() {
    const id = this.#id
    if (id === null) return
    byId('conversation-retry').hidden = true
    try {
      const data = await this.#api.conversation(id)
      if (id !== this.#id) return
      const first = this.#data === null
      // A resolved handoff has no packet any more; who has just closed it may still look.
      if (data.conversation.status.state === 'resolved') data.packet ??= this.#data?.packet
      this.#data = data
      this.#show(first)
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      if (id !== this.#id) return
      if (this.#data !== null) tell(byId('action-error'), `${STALE} ${error.message}`)
      else if (error.status === 404) this.#blank('This conversation does not exist.')
      else this.#blank(error.message, { retry: true })
    }
  }

  #show(first) {
    const { conversation, packet, messages, cases } = this.#data
    for (const part of ['conversation-head', 'packet', 'transcript']) byId(part).hidden = false
    byId('conversation-blank').hidden = true
    if (byId('action-error').textContent.startsWith(STALE)) tell(byId('action-error'), '')
    const fresh = this.#transcript.add(messages, packet?.customer?.name ?? null)
    this.#showOutbox()
    if (!first) this.#notice(fresh)

    // Rendering anew would take the focus from a source an agent is stepping through.
    const print = JSON.stringify([conversation.id, packet ?? conversation.status.state, cases])
    if (print !== this.#shown) {
      this.#showPacket(packet, cases)
      if (first) this.#articles.open(conversation.id)
      else this.#articles.refresh()
    }
    this.#shown = print
    this.#showHead()
  }

  #showPacket(packet, cases) {
    const view = new PacketView({
      numbers: this.#transcript.numbers,
      onShow: (ids, index) => {
        const switched = showView('transcript')
        this.#transcript.mark(ids, index, { focus: switched })
      },
      onUse: (reply) => this.#use('reply', reply, 'The suggested reply is in the text field.'),
    })
    const [title, remark] = this.#withoutPacket()
    byId('headline').replaceChildren(packet ? view.headline(packet) : title)
    byId('packet-blocks').replaceChildren(...(packet ? view.blocks(packet, cases)
      : [h('p', { class: 'blank' }, remark), casesBlock(cases) ?? '']))
    byId('packet').scrollTop = 0
  }

  /** Put a text where the agent writes, and say so. */
  #use(mode, text, words) {
    showView('transcript')
    this.#composer.insert(mode, text)
    announce(words)
  }

  /** Headline and remark of a conversation that has no packet. */
  #withoutPacket() {
    const { handoff, conversation } = this.#data
    if (handoff) {
      return [`Handoff ${handoff.reference}`, 'This handoff has no packet. The transcript is complete.']
    }
    if (conversation.status.state === 'resolved') {
      return ['Resolved conversation', 'There is no open handoff, so there is no packet.']
    }
    return ['Conversation with the automated assistant', 'A packet is made at the handover.']
  }

  #showHead() {
    const { conversation, handoff, packet } = this.#data
    const { state } = conversation.status
    const mine = this.#isMine()
    const owner = conversation.status.agent ?? handoff?.agent ?? 'A colleague'
    const urgency = handoff?.urgency ?? 'normal'
    byId('head-line').replaceChildren(
      ...urgency === 'normal' ? [] : [h('span', { class: `chip ${urgency}` }, phrase(urgency)), ' '],
      [handoff?.reference ?? conversation.status.reference, phrase(conversation.channel),
        `started ${moment(conversation.started_at)}`].filter(Boolean).join(' · '),
      packet?.incident ? unseen(', hazard reported') : '')
    byId('head-state').textContent = {
      bot: 'The automated assistant has this conversation',
      queued: 'Waiting for an agent',
      agent: mine ? 'You have this conversation' : `${owner} has this conversation`,
      resolved: 'Resolved',
    }[state]
    byId('head-state').dataset.state = mine ? 'mine' : state
    byId('claim').hidden = state !== 'queued'
    byId('take').hidden = state !== 'bot'
    byId('return').hidden = !mine
    byId('resolve').hidden = !mine
    this.#composer.allow({
      bot: 'Take over from the bot to reply.',
      queued: 'Claim this conversation to reply.',
      agent: mine ? '' : `${owner} has this conversation. You can add notes.`,
      resolved: 'This conversation is resolved. You can add notes.',
    }[state])
  }

  #isMine() {
    const { conversation, handoff } = this.#data
    if (conversation.status.state !== 'agent') return false
    return handoff ? handoff.mine : conversation.status.agent === this.#me.name
  }

  #blank(text, { retry = false } = {}) {
    for (const part of ['conversation-head', 'packet', 'transcript']) byId(part).hidden = true
    byId('conversation-blank').hidden = false
    byId('conversation-blank-text').textContent = text
    byId('conversation-retry').hidden = !retry
  }

  #showOutbox() {
    this.#transcript.showOutbox(this.#outbox.items(this.#id))
  }

  async #takeBack(item) {
    const id = this.#id
    if (item.state === 'waiting') {
      // It may have arrived although no answer came back: look before it is written anew.
      try {
        this.#transcript.add((await this.#api.conversation(id)).messages)
      } catch (error) {
        if (error.name !== 'ApiError') throw error
        announce('This cannot be edited now: it may already have been sent.', { urgent: true })
        return
      }
      if (this.#transcript.has(item)) {
        this.#outbox.remove(id, item.key)
        announce('It had been sent already.')
        return
      }
    }
    if (id !== this.#id) return
    this.#outbox.remove(id, item.key)
    this.#composer.insert(item.mode, item.text)
  }

  async #postTyping() {
    try {
      await this.#api.typing(this.#id)
    } catch (error) {
      // A courtesy to the customer: that it did not arrive changes nothing for the agent.
      if (error.name !== 'ApiError') throw error
    }
  }

  #typing(isTyping) {
    clearTimeout(this.#typingTimer)
    tell(byId('typing'), isTyping ? 'The customer is typing' : '')
    if (isTyping) this.#typingTimer = setTimeout(() => this.#typing(false), TYPING_SHOWN_MS)
  }

  #collision(names) {
    const others = names.filter((name) => name !== this.#me.name)
    const who = new Intl.ListFormat('en-GB').format(others)
    const verb = others.length === 1 ? 'is' : 'are'
    tell(byId('collision'), others.length ? `${who} ${verb} looking at this too.` : '')
  }
}

/** Where only one part fits the screen, show that one. Returns whether it was out of sight. */
export function showView(name) {
  const hidden = byId(name).checkVisibility?.() === false
  document.body.dataset.view = name
  for (const button of byId('views').children) {
    button.setAttribute('aria-current', String(button.dataset.view === name))
  }
  return hidden
}
