/**
 * Building the page. Everything a customer or a server wrote enters it here, as text.
 */

export function byId(id) {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`no element #${id}`)
  return element
}

/**
 * An element with attributes and children. Strings become text nodes, null and undefined
 * children are left out. `on<Event>` keys add listeners; `href` is refused: see helpLink.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2).toLowerCase(), value)
    else if (name === 'href' || name === 'src') throw new Error(`${name} is not set here`)
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child)
  }
  return element
}

/** A link to an article of our own help pages; any other address becomes plain text. */
export function helpLink(title, address) {
  const url = URL.canParse(address ?? '', location.origin) ? new URL(address, location.origin) : null
  if (url === null || url.origin !== location.origin || !url.pathname.startsWith('/help/')) {
    return h('span', {}, title)
  }
  const link = h('a', { target: '_blank', rel: 'noopener' }, title)
  link.href = url.pathname + url.hash
  return link
}

/** Show the text in an element that is hidden while it has nothing to say. */
export function tell(element, text) {
  element.hidden = !text
  element.textContent = text ?? ''
}

/** Text for screen readers only. */
export function unseen(text) {
  return h('span', { class: 'unseen' }, text)
}

/** Make `parent` hold exactly these children, moving none that is already in its place. */
export function arrange(parent, children) {
  let at = parent.firstChild
  for (const child of children) {
    if (child === at) at = at.nextSibling
    else parent.insertBefore(child, at)
  }
  while (at !== null) {
    const next = at.nextSibling
    at.remove()
    at = next
  }
}

/** Have a screen reader say something; urgent words interrupt. */
export function announce(text, { urgent = false } = {}) {
  const region = byId(urgent ? 'assertive' : 'polite')
  region.textContent = ''
  // A region that changes in one step from a text to the same text says nothing.
  setTimeout(() => { region.textContent = text }, 60)
}
