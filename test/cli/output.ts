import t from 'tap'
import { printDocument, timesPrinted } from '../../src/cli/output.js'

/** What is written to stdout meanwhile, which is a terminal or not. */
function written(isTTY: boolean, print: () => void): string {
  let text = ''
  const { stdout } = process
  const stand = { isTTY, write: (chunk: string) => ((text += chunk), true) }
  Object.defineProperty(process, 'stdout', { value: stand, configurable: true })
  print()
  Object.defineProperty(process, 'stdout', { value: stdout, configurable: true })
  return text
}

await t.test('a document is byte for byte the same, but for what a terminal obeys', async t => {
  const document = '# \u001b[2Jall is well\nrules: []\n'
  const print = (): void => printDocument(document)
  t.equal(written(false, print), document)
  t.equal(written(true, print), '# \\u001b[2Jall is well\nrules: []\n')
})

await t.test('it is known whether something was printed', async t => {
  const before = timesPrinted()
  written(false, () => printDocument('x'))
  t.equal(timesPrinted(), before + 1)
})
