// One message as elements. Every word in it is a stranger's: textContent, never markup.

/** @param {Record<string, string>} attributes No style: the page's CSP refuses the attribute. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  node.append(...children)
  return node
}

/** @param {object} message As the gateway sends it, or {author, text} of an unsent one. */
export function messageElement(message) {
  const { author, kind = 'text', step, citations = [] } = message
  const number = message.case?.number
  if (kind === 'event') return element('p', { class: 'event', dir: 'auto' }, message.text)

  const bubble = element('div', { class: 'bubble' })
  if (step) {
    bubble.append(
      element('p', { class: 'step-number' }, `Step ${step.number}`),
      element('h2', { dir: 'auto' }, step.title),
    )
  }
  bubble.append(element('p', { class: 'text', dir: 'auto' }, message.text))
  if (step?.look_for) {
    const label = element('strong', {}, 'Look for: ')
    const what = element('span', { dir: 'auto' }, step.look_for)
    bubble.append(element('p', { class: 'look-for' }, label, what))
  }
  if (number) {
    bubble.append(element('p', { class: 'case' }, 'Case number ', element('strong', {}, number)))
  }
  for (const citation of citations) bubble.append(sourceElement(citation))

  const own = author === 'customer'
  const who = own
    ? element('p', { class: 'hidden' }, 'You:')
    : element('p', { class: 'who' }, element('bdi', {}, message.name ?? ''))
  const meta = own ? element('p', { class: 'meta' }, element('span', { class: 'state' })) : who
  if (message.at) meta.append(timeElement(message.at))
  return element(
    'div',
    { class: `message ${author}`, 'data-author': author, 'data-kind': kind },
    who,
    bubble,
    ...(own ? [meta] : []),
  )
}

function sourceElement({ title, section_title: section, url }) {
  const source = element('p', { class: 'source', dir: 'auto' }, 'Source: ')
  const name = section ? `${title} › ${section}` : title
  // Only our own help pages: an article cannot send a customer anywhere else.
  if (!/^\/help\/[^\\]*$/.test(url)) {
    source.append(name)
    return source
  }
  const link = element('a', { href: url, target: '_blank', rel: 'noopener' }, name)
  link.append(element('span', { class: 'hidden' }, ' (opens in a new tab)'))
  source.append(link)
  return source
}

/** The time today, with the day before that, in the reader's own format. */
export function timeElement(at) {
  const date = new Date(at)
  const time = { hour: 'numeric', minute: '2-digit' }
  const today = date.toDateString() === new Date().toDateString()
  const format = today ? time : { ...time, day: 'numeric', month: 'short' }
  return element('time', { datetime: at }, new Intl.DateTimeFormat([], format).format(date))
}
