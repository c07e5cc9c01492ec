import { isReached, type ScenarioResult, type ScenarioRow, type Target } from './result.js'

/** What came out of a scenario in a few lines, for who watches. */
export function scenarioLines({ failure, targets }: ScenarioResult): string[] {
  return failure === undefined ? targets.map(targetText) : [`FAILED: ${failure}`]
}

/** A section for each scenario, with its table and what is asked of it. */
export function scenariosMarkdown(results: readonly ScenarioResult[]): string {
  return results.map(sectionOf).join('\n\n')
}

function sectionOf({
  title,
  method,
  columns,
  rows,
  targets,
  notes,
  failure,
}: ScenarioResult): string {
  const parts = [`### ${title}`, method]
  if (failure !== undefined) return [...parts, `**Failed:** ${failure}`].join('\n\n')
  const head = ['', ...columns.map(column => column.title)]
  const cells = (row: ScenarioRow): string[] => [
    row.note === undefined ? row.label : `${row.label}: ${row.note}`,
    ...columns.map(({ key }) => figureText(row.figures[key])),
  ]
  parts.push(table(head, rows.map(cells)))
  parts.push(targets.map(target => `- ${targetText(target)}`).join('\n'))
  if (notes.length > 0) parts.push(notes.map(note => `- ${note}`).join('\n'))
  return parts.filter(part => part !== '').join('\n\n')
}

function targetText(target: Target): string {
  const { text, value, unit, bound, side } = target
  const asked = `asked: ${side} ${figureText(bound)} ${unit}`
  return `${text}: ${figureText(value)} ${unit} (${asked}${isReached(target) ? '' : ', not reached'})`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = head.map((_, index) => (index === 0 ? '---' : '--:'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** Three digits that count, `0.0912` or `5.3`; whole numbers as they are, in groups. */
function figureText(value: number | undefined): string {
  if (value === undefined) return ''
  const short = Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
  return String(short).replace(/^(-?[0-9]+)/, digits => digits.replace(/\B(?=([0-9]{3})+$)/g, ' '))
}
