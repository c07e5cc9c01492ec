import { bold } from './colour.js'
import { escapeUnprintable, printable, printableJson } from './printable.js'
import { yamlText } from './yaml-text.js'

/** How results are printed: for people, or as JSON or YAML for programs. */
export const FORMATS = ['table', 'json', 'yaml'] as const
export type Format = (typeof FORMATS)[number]
/** Those for programs. */
export type DataFormat = Exclude<Format, 'table'>

/** A column: its heading, what it shows of a row, and on which side it is aligned. */
export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string | number
  /** Numbers stand to the right; so does text that means a number. */
  readonly right?: boolean
}

/** A column; `right` for numbers. */
export function column<Row>(
  title: string,
  value: (row: Row) => string | number,
  right = false,
): Column<Row> {
  return { title, value, right }
}

let printed = 0

/** How many times something was printed: of two such numbers, whether something was in between. */
export function timesPrinted(): number {
  return printed
}

/** Says that something was printed without the functions here. */
export function countPrinted(): void {
  printed++
}

/** Prints text as it is. Text from elsewhere in it must have gone through `printable`. */
export function printText(text: string): void {
  countPrinted()
  process.stdout.write(text)
}

/** Prints a line. Text from elsewhere in it must have gone through `printable`. */
export function printLine(line: string): void {
  printText(`${line}\n`)
}

/**
 * Prints a document as it is, byte for byte; on a terminal without what it would obey. Whoever
 * wrote it may have put such a thing into a comment.
 */
export function printDocument(text: string): void {
  printText(process.stdout.isTTY ? escapeUnprintable(text) : text)
}

/** Prints a line about how things go; never part of the result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Prints data for a program, indented. */
export function printData(format: DataFormat, value: unknown): void {
  printLine(format === 'json' ? printableJson(value, 2) : yamlText(value))
}

/** Prints one of many: a line of JSON, or a document of YAML. */
export function printRecord(format: DataFormat, value: unknown): void {
  printLine(format === 'json' ? printableJson(value) : `---\n${yamlText(value)}`)
}

/** Prints rows, as a table or `rows` themselves as data; `none` when there are none. */
export function printRows<Row>(
  format: Format,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  none: string,
): void {
  if (format !== 'table') printData(format, rows)
  else if (rows.length === 0) note(printable(none))
  else for (const line of tableLines(rows, columns)) printLine(line)
}

/** Prints one thing: `name: value` in lines for people, or `value` as data. */
export function printThing(
  format: Format,
  value: object,
  fields: readonly (readonly [name: string, text: string | number])[],
): void {
  if (format !== 'table') {
    printData(format, value)
    return
  }
  const width = Math.max(...fields.map(([name]) => name.length))
  for (const [name, text] of fields) {
    printLine(`${bold(name.padEnd(width))}  ${printable(String(text))}`)
  }
}

/** Prints what was done in one sentence, or the daemon's answer as data. */
export function printDone(format: Format, answer: unknown, sentence: string): void {
  if (format !== 'table') printData(format, answer)
  else printLine(printable(sentence))
}

/** A point in time, for people: ISO 8601 to the second, in UTC; `-` when there is none. */
export function time(at: string | number | null | undefined): string {
  if (at === null || at === undefined) return '-'
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? '-' : date.toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** A number of bytes, for people. */
export function byteCount(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let value = bytes
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]!}`
}

function tableLines<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] {
  const cells = rows.map(row => columns.map(({ value }) => printable(String(value(row)))))
  const widths = columns.map(({ title }, i) =>
    cells.reduce((width, row) => Math.max(width, row[i]!.length), title.length),
  )
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, i) => (columns[i]!.right ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [bold(line(columns.map(({ title }) => title))), ...cells.map(line)]
}
