import { Frame } from './frame.js'
import { Problem } from './problem.js'
import { signIn, signOut } from './session.js'
import { signInPage } from './sign-in.js'

let frame: Frame | undefined

/** Shows the views, or asks for a token where there is none that is taken. */
async function enter(text?: string): Promise<void> {
  const signedIn = await signIn(text, problem => leave(problem))
  if (signedIn === undefined) {
    leave()
    return
  }
  frame?.close()
  frame = new Frame(signedIn, () => leave())
  document.body.replaceChildren(frame.root)
}

function leave(problem?: Problem): void {
  // A daemon that is away for a moment takes the token again when the page is loaded again.
  if (problem === undefined || problem.status !== 0) signOut()
  frame?.close()
  frame = undefined
  document.body.replaceChildren(signInPage(enter, problem))
  document.querySelector('input')?.focus()
}

enter().catch((error: unknown) => leave(Problem.of(error)))
