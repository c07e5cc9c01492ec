import { h, type Child } from './dom.js'
import { isLeft, Problem } from './problem.js'
import { problemBox } from './problem-box.js'

const SHOWN_MS = 8_000
const KEPT_MAX = 4
const timers = new Set<ReturnType<typeof setTimeout>>()

/** Where it is told what came of what an admin did. */
export const notices = h('div', { class: 'notices', 'aria-live': 'polite' })

/** Says what was done; it goes by itself. */
export function say(...text: readonly Child[]): void {
  const notice = show(h('p', {}, ...text), 'notice done')
  const timer = setTimeout(() => {
    timers.delete(timer)
    notice.remove()
  }, SHOWN_MS)
  timers.add(timer)
}

/** Puts all of them away. */
export function clearNotices(): void {
  for (const timer of timers) clearTimeout(timer)
  timers.clear()
  notices.replaceChildren()
}

/** Shows a failure; it stays until someone puts it away. */
export function complain(error: unknown): void {
  if (isLeft(error)) return
  show(problemBox(Problem.of(error)), 'notice')
}

function show(content: HTMLElement, className: string): HTMLElement {
  const close = h('button', { class: 'close', title: 'put away', 'aria-label': 'put away' }, '×')
  const notice = h('div', { class: className }, content, close)
  close.addEventListener('click', () => notice.remove())
  notices.append(notice)
  while (notices.children.length > KEPT_MAX) notices.firstElementChild!.remove()
  return notice
}
