import { open, writeFile } from 'node:fs/promises'
import { csvText } from '../csv-text.js'
import { errorText, failed } from '../fail.js'
import { FORMATS, printLine, printThing } from '../output.js'
import { escapeUnprintable } from '../printable.js'
import { hgrmText, type Distribution } from './distribution.js'

/** How a measurement is printed. */
export const RESULT_FORMATS = [...FORMATS, 'csv'] as const
export type ResultFormat = (typeof RESULT_FORMATS)[number]

/** Prints what was measured; CSV as a heading and one line. */
export function printResult(
  format: ResultFormat,
  result: object,
  fields: readonly (readonly [name: string, text: string | number])[],
): void {
  if (format === 'csv') printLine(escapeUnprintable(csvText(result)))
  else printThing(format, result, fields)
}

/**
 * Sees to it that a file can be written once a measurement is over; what is in it stays till then.
 * @throws Failure that says why not.
 */
export async function checkWritable(path: string): Promise<void> {
  await open(path, 'a')
    .then(file => file.close())
    .catch((error: unknown) => {
      throw failed(`can't write ${path}: ${errorText(error)}`, undefined, error)
    })
}

/** Writes how times are spread, for HdrHistogram's plotter. */
export async function writeHdr(path: string, distribution: Distribution): Promise<void> {
  await writeFile(path, hgrmText(distribution))
}
