import { fill, h } from './dom.js'
import { clearNotices, notices } from './notices.js'
import { pages } from './pages.js'
import type { SignedIn } from './session.js'
import { unconfirmedBanner } from './unconfirmed.js'
import type { Context } from './view.js'

/** What stands around the views: where one is, where one can go, and as whom. */
export class Frame {
  readonly root: HTMLElement
  readonly #signedIn: SignedIn
  readonly #main = h('main', { id: 'main', tabindex: -1 })
  readonly #nav = h('nav', { 'aria-label': 'views' })
  readonly #end = new AbortController()
  readonly #onMove = (): void => this.#show()
  readonly #changed: () => void
  #left: AbortController | undefined

  constructor(signedIn: SignedIn, leave: () => void) {
    this.#signedIn = signedIn
    const { token, api } = signedIn
    const banner = unconfirmedBanner(api, this.#end.signal)
    this.#changed = () => void banner.reload()
    const out = h('button', { type: 'button', onclick: leave }, 'Sign out')
    this.root = h(
      'div',
      { class: 'frame' },
      h(
        'a',
        { class: 'skip', href: '#main', onclick: event => this.#skip(event) },
        'to the content',
      ),
      h(
        'header',
        { class: 'top' },
        h('a', { class: 'brand', href: '#/overview' }, 'v4vd'),
        this.#nav,
        h(
          'div',
          { class: 'who' },
          h('span', { class: 'badge role' }, token.role ?? ''),
          h(
            'span',
            { title: token.label },
            `token ${token.id}`,
            token.label && ` (${token.label})`,
          ),
          out,
        ),
      ),
      banner.root,
      notices,
      this.#main,
    )
    addEventListener('hashchange', this.#onMove)
    this.#show()
  }

  /** Lets go of everything. */
  close(): void {
    removeEventListener('hashchange', this.#onMove)
    this.#left?.abort()
    this.#end.abort()
    clearNotices()
    this.root.remove()
  }

  #show(): void {
    const [, name = '', text = ''] = /^#\/([a-z-]*)(?:\?(.*))?$/.exec(location.hash) ?? []
    const page = pages.find(each => each.name === name) ?? pages[0]!
    this.#left?.abort()
    this.#left = new AbortController()
    const context: Context = {
      api: this.#signedIn.api,
      signal: this.#left.signal,
      query: new URLSearchParams(text),
      changed: this.#changed,
    }
    document.title = `${page.title} · v4vd`
    const links = pages
      .filter(each => each.isListed !== false)
      .map(each => {
        const current = each === page || each.name === page.under
        return h('a', { href: `#/${each.name}`, 'aria-current': current && 'page' }, each.title)
      })
    fill(this.#nav, ...links)
    fill(this.#main, page.view(context))
  }

  #skip(event: Event): void {
    event.preventDefault()
    this.#main.focus()
  }
}
