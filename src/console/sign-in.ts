import { h } from './dom.js'
import { form } from './form.js'
import { Problem } from './problem.js'
import { problemBox } from './problem-box.js'

/** The page that asks for a token. */
export function signInPage(
  enter: (token: string) => Promise<void>,
  problem: Problem | undefined,
): HTMLElement {
  return h(
    'main',
    { class: 'sign-in' },
    h('h1', {}, 'v4vd'),
    h('p', {}, 'The console of a v4v daemon. It asks for the token of an admin.'),
    problem !== undefined && problemBox(problem),
    form({
      fields: [
        {
          name: 'token',
          label: 'Admin token',
          kind: 'password',
          required: true,
          hint: 'The daemon keeps its first one in admin.token in its state folder; "v4v token issue --admin viewer" makes others.',
        },
      ],
      submit: 'Sign in',
      run: ({ token = '' }) => {
        // A header can't carry anything else, and no token has it.
        if (!/^[\x21-\x7e]+$/.test(token)) throw new Problem(0, 'EINVAL', 'this is no token')
        return enter(token)
      },
    }),
    h('p', { class: 'quiet' }, 'The token stays in this tab and goes with it.'),
  )
}
