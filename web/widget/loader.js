// The chat button and its frame. A constructed sheet passes a strict CSP.
(() => {
  const { src, dataset } = document.currentScript
  const { href, origin } = new URL('frame?dir=' + document.dir, src)
  const side = dataset.position === 'left' ? 'left' : 'right'
  const label = dataset.label || 'Chat with us'
  const narrow = matchMedia('(max-width:30rem),(max-height:30rem)')
  const css = `:host{all:initial}
button,dialog{position:fixed;inset:auto;${side}:20px;bottom:20px;z-index:9999999;
box-sizing:border-box;border:1px solid #0000;box-shadow:0 6px 28px #0004}
button{display:flex;gap:10px;align-items:center;padding:16px 22px;cursor:pointer;
border-radius:26px;background:#0f5757;color:#fff;font:600 16px system-ui,sans-serif}
button:hover{background:#0b4545}
button:focus-visible{outline:3px solid #0f5757;outline-offset:3px;box-shadow:0 0 0 3px #fff}
button:before{content:"";width:16px;height:12px;border:2px solid;border-radius:8px 8px 8px 0}
dialog{bottom:88px;width:400px;height:min(700px,100vh - 108px);padding:0;border-radius:18px}
iframe{display:block;width:100%;height:100%;border:0;border-radius:inherit}
@media ${narrow.media}{dialog{inset:0;width:100%;height:100%;max-width:none;max-height:none;
border-radius:0}}`

  const make = (name, into, ariaLabel = null) => {
    const node = document.createElement(name)
    node.ariaLabel = ariaLabel
    into.append(node)
    return node
  }
  const mount = () => {
    const root = make('aftercare-chat', document.body).attachShadow({ mode: 'open' })
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(css)
    root.adoptedStyleSheets = [sheet]
    const button = make('button', root)
    const dialog = make('dialog', root, label)
    const frame = make('iframe', dialog, label)
    let loaded, opener

    const tell = () => loaded && frame.contentWindow.postMessage(dialog.open, origin)
    const show = (unread) => {
      button.textContent = label + (unread ? ` · ${unread} new` : '')
      button.ariaExpanded = dialog.open
    }
    const open = (from) => {
      if (dialog.open) return
      opener = from
      if (narrow.matches) dialog.showModal()
      else dialog.show()
      frame.src ||= href
      frame.focus()
      show()
      tell()
    }
    frame.onload = () => {
      loaded = frame.src
      tell()
    }
    dialog.onclose = () => {
      show()
      tell()
      dialog.open || opener.focus()
    }
    button.onclick = () => (dialog.open ? dialog.close() : open(button))
    button.onkeydown = ({ key }) => {
      if (key === 'Escape') dialog.close()
    }
    // The shop's own links to #chat
    addEventListener('click', (event) => {
      const link = event.target.closest?.('[href="#chat"]')
      if (link) event.preventDefault(open(link))
    })
    addEventListener('message', ({ source, data }) => {
      if (source !== frame.contentWindow) return
      if (data === 'close') dialog.close()
      else if (!dialog.open) show(data)
    })
    show()
  }
  document.body ? mount() : addEventListener('DOMContentLoaded', mount)
})()
