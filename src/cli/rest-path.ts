import { usage } from './fail.js'

/**
 * A path below `/v1` of the words it is made of, whatever characters they have.
 * @throws Failure with exit code 2 for a word that no path can hold: whoever reads a URL takes `.`
 *   and `..` for the folder itself and the one above, so that another path would be asked.
 */
export function restPath(...words: readonly string[]): string {
  for (const word of words) {
    if (/^\.{0,2}$/.test(word)) throw usage(`${JSON.stringify(word)} is not the name of anything`)
  }
  return `/v1/${words.map(encodeURIComponent).join('/')}`
}
