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

/** Puts these in place of what an element holds; whoever works in it by keyboard stays there. */
export function fill(element: Element, ...children: readonly Child[]): void {
  const places = [...element.querySelectorAll('a, button, input, select, summary')]
  const index = places.indexOf(document.activeElement!)
  const text = index < 0 ? '' : places[index]!.textContent
  element.replaceChildren(...nodesOf(children))
  if (index < 0) return
  const next = element.querySelectorAll('a, button, input, select, summary')[index]
  if (next instanceof HTMLElement && next.textContent === text) next.focus()
}

function nodesOf(children: readonly Child[]): (Node | string)[] {
  return children
    .filter(child => child !== false && child !== null && child !== undefined)
    .map(child => (typeof child === 'number' ? String(child) : child))
}
