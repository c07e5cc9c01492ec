import { usage } from './fail.js'

/** As a header or in a frame a token must be one word. */
const TOKEN = /^[\x21-\x7e]+$/

/** The token in a text, without the white space around it; undefined when there is none. */
export function tokenIn(text: string): string | undefined {
  const token = text.trim()
  return TOKEN.test(token) ? token : undefined
}

/**
 * The token in a variable of the environment; undefined when that is empty or not set.
 * @throws Failure with exit code 2 for something else, which is not said: it may be half a secret.
 */
export function tokenInVariable(name: string): string | undefined {
  const text = process.env[name] ?? ''
  if (text.trim() === '') return undefined
  const token = tokenIn(text)
  if (token !== undefined) return token
  throw usage(`what is in ${name} is no token`, 'a token is one word, such as v4v_1_...')
}
