import t from 'tap'
import { parsePolicyDocument } from '../../src/policy/document.js'
import { malformedDocuments } from './fixtures/malformed-documents.js'

await t.test('documents that are no policies are all refused, with place and reason', async t => {
  t.ok(malformedDocuments.length >= 200, `${malformedDocuments.length} documents`)
  t.equal(new Set(malformedDocuments).size, malformedDocuments.length, 'each is another one')
  const passed: string[] = []
  for (const text of malformedDocuments) {
    const document = parsePolicyDocument(text, 'f.yaml')
    const lines = text.split('\n').length
    const isRefused =
      !document.ok &&
      document.problems.length > 0 &&
      document.problems.every(
        ({ file, line, column, message }) =>
          file === 'f.yaml' && line >= 1 && line <= lines && column >= 1 && message.length > 10,
      )
    if (!isRefused) passed.push(text)
  }
  t.same(passed, [])
})
