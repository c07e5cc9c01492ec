/** What can be put into an element: text stays text, whatever is in it. */
export type Child = Node | string | number | false | null | undefined

type Handler = (event: Event) => void
type Attributes = Readonly<Record<string, string | number | boolean | undefined | Handler>>

/** Attributes that would make code, markup or a page of someone's text. */
const banned = new Set(['style', 'src', 'srcdoc', 'action', 'formaction'])

/**
 * Makes an element. Attributes that are true are set, those that are false or undefined are not;
 * functions are called on events, such as `onclick`.
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (banned.has(name)) throw new Error(`the console sets no ${name}`)
    if (name === 'href' && !/^(#|\/(?!\/))/.test(String(value))) {
      throw new Error('the console links to nothing but its own daemon')
    }
    if (typeof value === 'function') element.addEventListener(name.slice('on'.length), value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value))
  }
  element.append(...nodesOf(children))
  return element
}

/**
 * Puts these in place of what an element holds. Whoever works in it by keyboard stays there, as
 * long as that is there: the same button of another row does something else.
 */
export function fill(element: Element, ...children: readonly Child[]): void {
  const before = document.activeElement
  const place = before !== null && element.contains(before) ? placeOf(before) : undefined
  const same = (): Element[] =>
    [...element.querySelectorAll(FOCUSABLE)].filter(each => placeOf(each) === place)
  const index = place === undefined ? -1 : same().indexOf(before!)
  element.replaceChildren(...nodesOf(children))
  const next = same()[index]
  if (!(next instanceof HTMLElement)) return
  next.focus()
  next.scrollLeft = before!.scrollLeft
}

const FOCUSABLE = 'a, button, input, select, summary, [tabindex]'

/** What tells a place from others: what it is, and in a table, which row it is of. */
function placeOf(element: Element): string {
  const row = element.closest('tr')?.firstElementChild?.textContent ?? ''
  const text = element.matches('a, button, summary') ? element.textContent : ''
  return `${element.tagName} ${text} ${row}`
}

function nodesOf(children: readonly Child[]): (Node | string)[] {
  return children
    .filter(child => child !== false && child !== null && child !== undefined)
    .map(child => (typeof child === 'number' ? String(child) : child))
}
