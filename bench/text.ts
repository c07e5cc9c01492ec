import type { Spread } from './statistics.js'

/** A table in Markdown; all columns but the first are of figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = head.map((_, index) => (index === 0 ? '---' : '--:'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** `5.30x (4.9 to 5.6)`, or nothing where there is nothing to compare with. */
export function ratioText(ratio: Spread | undefined): string {
  if (ratio === undefined) return ''
  const [median, min, max] = [ratio.median, ratio.min, ratio.max].map(value => value.toFixed(2))
  return `${median}x (${min} to ${max})`
}

/** Three digits that count: `0.0912`, `5.3`, `187`. */
export function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}

/** `15 548 210` */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ')
}
