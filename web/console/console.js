/** The agents' page: signs in, keeps the connection, and joins queue and conversation. */

import { Api, coalesced } from './api.js'
import { Conversation, showView } from './conversation.js'
import { FormDialog, ShortcutsDialog } from './dialogs.js'
import { announce, byId, tell } from './dom.js'
import { Live } from './live.js'
import { Outbox } from './outbox.js'
import { Queue } from './queue.js'
import { Review } from './review.js'
import { listenForKeys } from './shortcuts.js'
import { SignIn } from './signin.js'
import { Drafts, Storage } from './storage.js'
import { count } from './words.js'

const REVIEW = '#articles' // the address of the list of articles to look at
const TITLE = 'Aftercare console'
const POLL_MS = 10_000 // while the live connection is down
const BOT_LIST_MS = 30_000
const GRACE_MS = 1000 // a connection back within this was not worth a banner

class Console {
  #api
  #live = new Live()
  #storage
  #drafts
  #outbox
  #queue
  #conversation
  #review
  #signOutDialog = new FormDialog('sign-out-dialog')
  #bannerTimer = 0
  #loadQueue = coalesced(() => this.#fetchQueue())
  #loadBot = coalesced(() => this.#fetchBot())

  constructor(api, agent) {
    this.#api = api
    this.agent = agent
    this.#storage = new Storage(agent.id)
    this.#drafts = new Drafts(this.#storage)
    this.#outbox = new Outbox(api, this.#storage, (conversation, message) => {
      if (conversation === this.#conversation.id) this.#conversation.stored(message)
    })
    this.#queue = new Queue({
      storage: this.#storage,
      onOpen: (id) => this.#choose(id),
      onRetry: () => { this.#loadQueue(); this.#loadBot() },
    })
    this.#conversation = new Conversation({
      api, me: agent, live: this.#live, drafts: this.#drafts, outbox: this.#outbox,
      onChanged: () => { this.#loadQueue(); this.#loadBot() },
    })
    this.#review = new Review(api)
    this.#listen()
  }

  /** Begin, or go on after the agent has signed in again. */
  start() {
    byId('agent-name').textContent = this.agent.name
    byId('account').hidden = false
    this.#live.start()
    this.#resync()
    this.#openFromAddress()
  }

  /** The session is over; the page stays as it is behind the sign-in form. */
  pause() {
    this.#live.stop()
    this.#showBanner('')
    byId('desk').hidden = true
    byId('review').hidden = true
    byId('account').hidden = true
    tell(byId('connection'), '')
  }

  /** Send nothing more of this agent's. */
  close() {
    this.#outbox.close()
  }

  #listen() {
    this.#live.addEventListener('up', ({ detail }) => this.#up(detail.again))
    this.#live.addEventListener('down', () => this.#down())
    this.#live.addEventListener('frame', ({ detail }) => {
      if (detail.type === 'queue') this.#loadQueue()
      else this.#conversation.hear(detail)
    })
    addEventListener('hashchange', () => this.#openFromAddress())
    byId('views').onclick = ({ target: { dataset } }) => {
      if (dataset.view) this.#conversation.view(dataset.view)
    }
    byId('skip').onclick = (event) => { event.preventDefault(); byId('queue').focus() }
    byId('sign-out').onclick = () => this.#leave()

    const shortcuts = new ShortcutsDialog(this.#storage)
    byId('show-shortcuts').onclick = () => shortcuts.open()
    listenForKeys({
      j: () => { showView('queue'); this.#queue.move(1) },
      k: () => { showView('queue'); this.#queue.move(-1) },
      c: () => this.#conversation.claim(),
      r: () => this.#conversation.write('reply'),
      n: () => this.#conversation.write('note'),
      '?': () => shortcuts.open(),
    }, () => shortcuts.singleKeys && !byId('desk').hidden)

    setInterval(() => this.#queue.tick(), 1000)
    setInterval(() => { if (!byId('desk').hidden) this.#poll() }, POLL_MS)
    setInterval(() => { if (!byId('desk').hidden) this.#loadBot() }, BOT_LIST_MS)
  }

  #poll() {
    this.#outbox.flushAll()
    if (this.#live.isUp) return
    this.#loadQueue()
    this.#conversation.reload()
  }

  #resync() {
    this.#loadQueue()
    this.#loadBot()
    this.#conversation.reload()
    this.#outbox.flushAll()
  }

  #up(again) {
    clearTimeout(this.#bannerTimer)
    if (!byId('banner').hidden) announce('Connected again.')
    this.#showBanner('')
    tell(byId('connection'), 'Live')
    this.#conversation.watch()
    // The queue was asked for before the first connection stood; what came between is in neither.
    if (again) this.#resync()
    else this.#loadQueue()
  }

  #down() {
    tell(byId('connection'), '')
    clearTimeout(this.#bannerTimer)
    this.#bannerTimer = setTimeout(() => this.#showBanner(
      'The live connection is lost. Trying to connect; until then the page is refreshed every '
      + `${POLL_MS / 1000} seconds.`,
    ), byId('banner').hidden ? GRACE_MS : 0)
  }

  #showBanner(text) {
    clearTimeout(this.#bannerTimer)
    tell(byId('banner'), text)
  }

  async #fetchQueue() {
    try {
      const fresh = this.#queue.show(await this.#api.queue())
      for (const item of fresh) {
        const level = item.urgency === 'normal' ? '' : `${item.urgency} `
        announce(`New ${level}handoff: ${item.headline}`, { urgent: item.urgency === 'urgent' })
      }
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      this.#queue.fail(`The queue could not be loaded. ${error.message}`)
    }
    const { waiting } = this.#queue
    document.title = waiting ? `(${waiting}) ${TITLE}` : TITLE
  }

  async #fetchBot() {
    try {
      this.#queue.showBot((await this.#api.botConversations()).conversations)
    } catch (error) {
      if (error.name !== 'ApiError') throw error
      this.#queue.fail(`The list could not be loaded. ${error.message}`, { bot: true })
    }
  }

  /** The address names the open conversation, so that reload and back do what one expects. */
  #choose(id) {
    showView('packet')
    if (id === this.#conversation.id) byId('headline').focus({ preventScroll: true })
    else location.hash = `conversation=${encodeURIComponent(id)}`
  }

  #openFromAddress() {
    if (byId('account').hidden) return // nobody is signed in
    const review = location.hash === REVIEW
    const came = review && byId('review').hidden
    byId('review').hidden = !review
    byId('desk').hidden = review
    if (review) {
      this.#review.open()
      if (came) byId('review-title').focus({ preventScroll: true })
      return
    }
    const id = new URLSearchParams(location.hash.slice(1)).get('conversation')
    this.#queue.mark(id)
    this.#conversation.open(id)
    showView(id === null ? 'queue' : 'packet')
  }

  #leave() {
    const unsent = this.#drafts.count + this.#outbox.count
    const go = async () => {
      await this.#api.signOut()
      this.#outbox.close()
      this.#drafts.clear()
      this.#outbox.clear()
      location.replace(location.pathname)
    }
    if (!unsent) {
      go().catch((error) => announce(error.message, { urgent: true }))
      return
    }
    byId('sign-out-text').textContent = `${count(unsent, 'text is', 'texts are')} not sent. `
      + `Signing out deletes ${unsent === 1 ? 'it' : 'them'} from this computer.`
    this.#signOutDialog.open(go)
  }
}

/** The page from loading to the first session, and from one session to the next. */
async function main() {
  let page = null
  const signIn = new SignIn((email, password) => api.signIn(email, password), welcome)
  const api = new Api(() => {
    if (page === null) return
    page.pause()
    signIn.show('Your session has ended. Sign in again; your drafts are kept.', page.agent.email)
  })

  function welcome(agent) {
    if (page !== null && page.agent.id !== agent.id) {
      // Nothing of the other agent may stay on the screen, nor leave under this one's name.
      page.close()
      location.replace(location.pathname)
      return
    }
    page ??= new Console(api, agent)
    page.start()
  }

  try {
    welcome((await api.session()).agent)
  } catch (error) {
    if (error.name !== 'ApiError') throw error
    signIn.show(error.status === 401 ? '' : error.message)
  } finally {
    byId('starting').hidden = true
  }
}

main()
