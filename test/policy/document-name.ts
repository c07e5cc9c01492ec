import t from 'tap'
import {
  DOCUMENT_NAME_CHARS_MAX,
  documentNames,
  isDocumentName,
} from '../../src/policy/document-name.js'

await t.test('a document is called after its file, and the folder it is in', async t => {
  for (const name of ['10-web.yaml', 'a', '1', 'sets/oncall.yaml', 'tests/web.yml']) {
    t.ok(isDocumentName(name), name)
  }
  const long = 'a'.repeat(DOCUMENT_NAME_CHARS_MAX + 1)
  for (const name of [
    '',
    '.hidden',
    '../a.yaml',
    'sets/../../a',
    'sets/.a',
    '/a',
    'other/a.yaml',
    'sets/tests/a.yaml',
    'a b',
    'sets/',
    'a\n',
    long,
  ]) {
    t.notOk(isDocumentName(name), name)
  }
})

await t.test('of a folder the files right in it, in sets and in tests are read', async t => {
  const files: Record<string, readonly string[]> = {
    '': ['90-rest.yaml', 'README.md', '10-web.yml', 'sets', 'schema.json'],
    sets: ['oncall.yaml', 'notes.txt'],
    tests: ['web.yaml'],
  }
  t.strictSame(
    documentNames((folder = '' as never) => files[folder]!),
    ['10-web.yml', '90-rest.yaml', 'sets/oncall.yaml', 'tests/web.yaml'],
  )
})
