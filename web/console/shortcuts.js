/** Single keys, heard only where nobody types and no dialog is open. */

const FIELDS = 'input, textarea, select, [contenteditable]'

/**
 * @param keys from event.key to what it does.
 * @param enabled whether they are heard now.
 * @returns a function that stops listening.
 */
export function listenForKeys(keys, enabled) {
  const heard = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
    if (event.target.closest?.(FIELDS) || document.querySelector('dialog[open]')) return
    const act = keys[event.key]
    if (act === undefined || !enabled()) return
    event.preventDefault()
    act()
  }
  document.addEventListener('keydown', heard)
  return () => document.removeEventListener('keydown', heard)
}
