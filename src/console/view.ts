import type { Api } from './api.js'
import { fill, h, type Child } from './dom.js'
import { pause } from './events.js'
import { isLeft, Problem } from './problem.js'
import { problemBox } from './problem-box.js'

/** What a view is shown with. */
export interface Context {
  readonly api: Api
  /** Aborted when the view is left: whatever it started ends with it. */
  readonly signal: AbortSignal
  /** What stands behind the ? of the address. */
  readonly query: URLSearchParams
  /** Tells the frame that the policy was changed, so that it need not wait to see it. */
  readonly changed: () => void
}

/** Makes what is shown; what it needs from the daemon it puts in later. */
export type View = (context: Context) => HTMLElement

/** A part of a view that shows an answer of the daemon. */
export interface Part {
  readonly root: HTMLElement
  /** Asks again. */
  readonly reload: () => Promise<void>
}

/**
 * Shows what `make` brings, or why it can't be had; what was there before stays until then.
 * @param everyMs asks again after that long; never if left out.
 */
export function part(signal: AbortSignal, make: () => Promise<Child>, everyMs?: number): Part {
  const problem = h('div')
  const content = h('div', {}, h('p', { class: 'quiet' }, 'loading …'))
  const root = h('div', { class: 'part' }, problem, content)
  let asked = 0
  const reload = async (): Promise<void> => {
    const turn = ++asked
    try {
      const made = await make()
      // Who asked again meanwhile wants the later answer.
      if (signal.aborted || turn !== asked) return
      fill(content, made)
      fill(problem)
    } catch (error) {
      if (signal.aborted || isLeft(error)) return
      fill(problem, problemBox(Problem.of(error)))
      if (content.firstElementChild?.className === 'quiet') fill(content)
    }
  }
  const keepUp = async (): Promise<void> => {
    await reload()
    if (everyMs === undefined) return
    for (await pause(everyMs, signal); !signal.aborted; await pause(everyMs, signal)) await reload()
  }
  void keepUp()
  return { root, reload }
}

/** The link to a view, with what it is to be shown with. */
export function linkTo(view: string, query: Readonly<Record<string, string>> = {}): string {
  const text = new URLSearchParams(query).toString()
  return text === '' ? `#/${view}` : `#/${view}?${text}`
}

/** A heading with what can be done below it. */
export function heading(title: string, ...actions: readonly Child[]): HTMLElement {
  return h(
    'header',
    { class: 'heading' },
    h('h1', {}, title),
    h('div', { class: 'bar' }, ...actions),
  )
}
