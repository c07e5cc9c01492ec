import { Frame } from './frame.js'
import { Problem } from './problem.js'
import { signIn, signOut } from './session.js'
import { signInPage } from './sign-in.js'

/** What the daemon answers to a token that is of no use here. */
const REFUSED = [401, 403]

let frame: Frame | undefined

/** Shows the views, or asks for a token where there is none that is taken. */
async function enter(text?: string): Promise<void> {
  let entered: Frame | undefined
  const signedIn = await signIn(text, problem => {
    // What was asked for before another token was given says nothing of that one.
    if (frame === entered) leave(problem)
  })
  if (signedIn === undefined) {
    leave()
    return
  }
  frame?.close()
  frame = entered = new Frame(signedIn, () => leave())
  document.body.replaceChildren(frame.root)
}

function leave(problem?: Problem): void {
  // A daemon that is away, or busy, takes the token again when the page is loaded again.
  if (problem === undefined || REFUSED.includes(problem.status)) signOut()
  frame?.close()
  frame = undefined
  document.body.replaceChildren(signInPage(enter, problem))
  document.querySelector('input')?.focus()
}

enter().catch((error: unknown) => leave(Problem.of(error)))
