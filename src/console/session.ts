import { Api } from './api.js'
import type { Problem } from './problem.js'
import type { Answers } from './answers.js'

/** Forgotten with the tab, and seen by no other. */
const KEY = 'v4v-admin-token'

export type Token = Answers['whoami']['token']

/** An admin who has signed in. */
export interface SignedIn {
  readonly api: Api
  readonly token: Token
}

/**
 * Signs in with a token, or with the one that this tab had before it was loaded again.
 * @returns undefined when there is none.
 * @throws Problem when the daemon does not take it.
 */
export async function signIn(
  text: string | undefined,
  onRefusedToken: (problem: Problem) => void,
): Promise<SignedIn | undefined> {
  const secret = text ?? sessionStorage.getItem(KEY) ?? ''
  if (secret === '') return undefined
  const { token } = await new Api(secret, 'viewer', () => undefined).call('whoami')
  sessionStorage.setItem(KEY, secret)
  return { api: new Api(secret, token.role ?? 'viewer', onRefusedToken), token }
}

/** Forgets the token. */
export function signOut(): void {
  sessionStorage.removeItem(KEY)
}
