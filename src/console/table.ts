import { h, type Child } from './dom.js'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => Child
  /** Numbers stand at the right. */
  readonly number?: boolean
}

/** A table, or a sentence where there is nothing to list. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  empty: string,
  mark?: (row: Row) => string,
): HTMLElement {
  if (rows.length === 0) return h('p', { class: 'quiet' }, empty)
  const classOf = ({ number = false }: Column<Row>): string => (number ? 'number' : '')
  const head = columns.map(each => h('th', { scope: 'col', class: classOf(each) }, each.title))
  const body = rows.map(row => {
    const cells = columns.map(each => h('td', { class: classOf(each) }, each.cell(row)))
    return h('tr', { class: mark?.(row) ?? '' }, ...cells)
  })
  return h(
    'div',
    { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'table' },
    h('table', {}, h('thead', {}, h('tr', {}, ...head)), h('tbody', {}, ...body)),
  )
}

/** Names and what they are, one below the other. */
export function facts(rows: readonly (readonly [name: string, value: Child])[]): HTMLElement {
  const parts = rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])
  return h('dl', { class: 'facts' }, ...parts)
}

/** Several things in one cell. */
export function bar(...children: readonly Child[]): HTMLElement {
  return h('div', { class: 'bar' }, ...children)
}

/** A word in the colour of what it says, such as a verdict. */
export function badge(word: string): HTMLElement {
  const known = /^[a-z]+$/.test(word) ? word : 'other'
  return h('span', { class: `badge ${known}` }, word)
}
