// Wires the parts: what the customer does, what the gateway tells, what the loader wants.

import { Composer } from './composer.js'
import { Connection } from './connection.js'
import { Kept } from './kept.js'
import { element } from './message.js'
import { Outbox } from './outbox.js'
import { backOff, request } from './request.js'
import { Session } from './session.js'
import { View } from './view.js'

const BOT = 'Automated assistant'
const BOT_TYPES = 10_000 // milliseconds; by then there is a reply or a notice
const AGENT_TYPES = 6000 // the console tells at most every 3 seconds
const LOST_AFTER = 4000 // a short gap is not worth a word
const OFFLINE = 'You are offline; what you write is kept and sent when you are back.'
const LOST = 'There is no connection just now; what you write is kept and sent when it is back.'
const ENDED = 'Your earlier conversation has ended.'

const byId = (id) => document.getElementById(id)
const framed = parent !== window

const kept = new Kept(() => localStorage)
const session = new Session(kept)
const outbox = new Outbox(kept, session)
const connection = new Connection()
const view = new View()
const composer = new Composer(new Kept(() => sessionStorage))

let status = { state: 'bot', agent: null, reference: null }
let suggestions = []
let following = null // the token whose conversation is shown
let open = !framed
let unread = 0
let guessed = false // that the bot types is our guess, which an idle gateway does not end

function send(what) {
  outbox.add(what)
  if (['queued', 'agent'].includes(status.state) || !navigator.onLine) return
  guessed = true
  view.typing(BOT, BOT_TYPES)
}

/** A pressed button goes away; focus moves on, but a touch keyboard would cover the reading. */
function focusOn() {
  if (matchMedia('(pointer: coarse)').matches) byId('title').focus()
  else composer.focus()
}

function follow() {
  const { token } = session
  if (token === following) return
  if (following) {
    view.restart(
      outbox.items.length
        ? `${ENDED} A new one has started; what you wrote is kept and sent there.`
        : `${ENDED} Write a message to start a new one.`,
    )
    connection.stop()
    showStatus({ state: 'bot', agent: null, reference: null })
    stopTyping()
  }
  following = token
  if (token) {
    view.busy = true
    connection.start(token)
  }
  showUnsent()
}

function showStatus(next) {
  status = next
  view.status(next)
}

function showUnsent() {
  view.unsent(outbox.items)
  showSuggestions()
}

function showSuggestions() {
  byId('suggestions').hidden = !suggestions.length || !view.empty || Boolean(following)
}

function showMessages(messages) {
  const news = view.messages(messages)
  // On the shop's button is counted what came while the chat was shut. The number is no secret.
  if (!open && news) parent.postMessage((unread += news), '*')
  showSuggestions()
  for (const message of messages) {
    if (message.key) outbox.remove(message.key)
    if (message.author !== 'customer') stopTyping()
  }
}

function stopTyping() {
  guessed = false
  view.typing(null)
}

/** Say that the gateway cannot be reached, once that has lasted. */
let lostTimer = null
const trouble = { link: false, outbox: false }
function showConnection() {
  const say = (text) => {
    if (byId('connection').textContent !== text) byId('connection').textContent = text
  }
  if (navigator.onLine && (trouble.link || trouble.outbox)) {
    lostTimer ??= setTimeout(() => say(LOST), LOST_AFTER)
    return
  }
  clearTimeout(lostTimer)
  lostTimer = null
  say(navigator.onLine ? '' : OFFLINE)
}

outbox.addEventListener('change', showUnsent)
outbox.addEventListener('sent', ({ detail }) => {
  view.messages([detail.message])
  showStatus(detail.status)
})
outbox.addEventListener('refused', ({ detail }) => session.end(detail))
outbox.addEventListener('trouble', ({ detail }) => {
  trouble.outbox = detail
  showConnection()
})
session.addEventListener('change', follow)
connection.addEventListener('rejected', ({ detail }) => session.end(detail))
connection.addEventListener('messages', ({ detail }) => showMessages(detail))
connection.addEventListener('status', ({ detail }) => showStatus(detail))
connection.addEventListener('seen', ({ detail }) => view.seen(detail))
connection.addEventListener('typing', ({ detail }) => {
  if (detail) guessed = false
  if (guessed) return
  if (detail === 'agent') view.typing(status.agent || 'A colleague', AGENT_TYPES)
  else view.typing(detail && BOT, BOT_TYPES)
})
connection.addEventListener('link', ({ detail }) => {
  if (detail) view.busy = false
  trouble.link = !detail
  showConnection()
})

view.addEventListener('reply', ({ detail }) => {
  send(detail)
  focusOn()
})
view.addEventListener('retry', ({ detail }) => {
  outbox.retry(detail.key)
  focusOn()
})
view.addEventListener('edit', ({ detail }) => {
  composer.text = [detail.text, composer.text].filter(Boolean).join('\n')
  composer.focus()
  outbox.remove(detail.key)
})
composer.addEventListener('send', ({ detail }) => send({ text: detail }))
composer.addEventListener('typing', () => {
  if (status.state === 'agent') connection.typing() // nobody else could see it
})

byId('person').onclick = () => {
  const text = 'I want to talk to a person'
  if (!outbox.items.some((item) => item.text === text)) send({ text })
}

// The network and the machine: gone, back, awake again.
addEventListener('offline', () => {
  connection.pause()
  stopTyping()
  showConnection()
})
const wake = () => {
  showConnection()
  if (!navigator.onLine) return
  connection.wake()
  outbox.flush()
}
addEventListener('online', wake)
addEventListener('pageshow', wake) // the first load, too
document.addEventListener('visibilitychange', () => document.hidden || wake())

// The loader: it says whether the chat is shown, we ask to be shut and tell what is unread.
addEventListener('message', ({ source, data }) => {
  if (source !== parent || typeof data !== 'boolean') return
  open = data
  if (!open) return
  unread = 0
  focusOn()
})
if (framed) {
  const close = () => {
    open = false
    parent.postMessage('close', '*')
  }
  byId('close').hidden = false
  byId('close').onclick = close
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !event.isComposing) close()
  })
}

async function configure() {
  for (let failures = 1; ; failures += 1) {
    try {
      const config = await request('config')
      byId('title').textContent = document.title = `${config.shop} support`
      byId('disclosure').textContent = config.disclosure
      composer.maximum = config.max_characters
      suggestions = config.suggestions
      byId('suggestions').replaceChildren(
        ...suggestions.map((text) => {
          const button = element('button', { type: 'button', class: 'pill', dir: 'auto' }, text)
          button.onclick = () => {
            send({ text })
            focusOn()
          }
          return button
        }),
      )
      return showSuggestions()
    } catch {
      // The page stands without it, in its own words; ask again, ever less often.
      await new Promise((resolve) => setTimeout(resolve, backOff(failures)))
    }
  }
}

if (new URLSearchParams(location.search).get('dir') === 'rtl') document.dir = 'rtl'
follow()
showUnsent()
showConnection()
configure()
