import { parseDocument, type Document, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml'
import { formatPolicyDocument } from './document.js'
import { NAMED_PARTS, isSamePart, type NamedPart, type NamedParts } from './part-change.js'
import type { Policy, PolicySet, PolicyTag, PolicyTest, SetElement } from './policy.js'
import { formatSetElement, parseSetElement } from './set-element.js'
import { joinFile, splitFile, type SplitFile } from './split-file.js'
import type { PolicyFile } from './yaml-source.js'

/** A file, what it says besides its rules once that was read, and whether it says something else. */
interface OpenFile {
  readonly file: PolicyFile
  readonly split: () => SplitFile
  isEdited: boolean
}

/**
 * Makes files state the sets, tags and tests of another policy. Files in which nothing changes stay
 * as they are, and rules that stand on lines of their own; the rest keeps its comments and is laid
 * out as `fmt` does it.
 * @param before what the files state, with places.
 */
export function editParts(
  files: readonly PolicyFile[],
  before: Policy,
  after: Policy,
): readonly PolicyFile[] {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1))
  const open = sorted.map((file): OpenFile => {
    let split: SplitFile | undefined
    return { file, split: () => (split ??= splitFile(file, before.rules)), isEdited: false }
  })
  editLists(open, 'sets', NAMED_PARTS.set(before), NAMED_PARTS.set(after), setItem)
  editLists(open, 'tags', NAMED_PARTS.tag(before), NAMED_PARTS.tag(after), tagItem)
  editTests(open, before, NAMED_PARTS.test(before), NAMED_PARTS.test(after))
  return open.map(({ file, split, isEdited }) => (isEdited ? joinFile(file, split()) : file))
}

/** How the elements of a set or the domains of a tag stand in a file. */
interface ItemForm<T> {
  readonly nameOf: (item: T) => string
  readonly format: (text: string) => string
}

const setItem: ItemForm<PolicySet> = {
  nameOf: ({ name }) => name,
  // Read before, so that it has a form.
  format: text => formatSetElement(parseSetElement(text) as SetElement),
}
const tagItem: ItemForm<PolicyTag> = { nameOf: ({ tag }) => tag, format: text => text }

function editLists<T extends PolicySet | PolicyTag>(
  open: readonly OpenFile[],
  key: 'sets' | 'tags',
  before: NamedParts<T>,
  after: NamedParts<T>,
  { nameOf, format }: ItemForm<T>,
): void {
  for (const [id, old] of before) {
    const young = after.get(id)
    if (isSamePart(old, young)) continue
    const document = openedAt(open, old.items[0]!)
    const name = nameOf(old.items[0]!)
    if (young === undefined) {
      document.deleteIn([key, name])
      continue
    }
    const list = document.getIn([key, name]) as YAMLSeq<Scalar<string>>
    const there = new Set(young.words)
    const had = new Set(old.words)
    list.items = list.items.filter(({ value }) => there.has(format(value)))
    for (const word of young.words) if (!had.has(word)) list.add(document.createNode(word))
  }
  for (const [id, young] of after) {
    if (before.has(id)) continue
    const document = openedWith(open, key)
    document.setIn([key, nameOf(young.items[0]!)], document.createNode(young.words))
  }
}

function editTests(
  open: readonly OpenFile[],
  policy: Policy,
  before: NamedParts<PolicyTest>,
  after: NamedParts<PolicyTest>,
): void {
  const gone = new Set<PolicyTest>()
  const come: NamedPart<PolicyTest>[] = []
  for (const [id, old] of before) {
    const young = after.get(id)
    if (isSamePart(old, young)) continue
    for (const test of old.items) gone.add(test)
    if (young !== undefined) come.push(young)
  }
  for (const [id, young] of after) if (!before.has(id)) come.push(young)
  for (const each of open) {
    const tests = policy.tests.filter(({ place }) => place?.file === each.file.name)
    if (!tests.some(test => gone.has(test))) continue
    const document = opened(each)
    const list = document.get('tests') as YAMLSeq
    list.items = list.items.filter((_, index) => !gone.has(tests[index]!))
  }
  for (const { items } of come) {
    const document = openedWith(open, 'tests')
    if (!document.has('tests')) document.set('tests', document.createNode([]))
    const written = parseDocument(formatPolicyDocument({ rules: [], tests: items }))
    for (const item of (written.get('tests') as YAMLSeq<YAMLMap>).items) {
      item.flow = true
      ;(document.get('tests') as YAMLSeq).add(item)
    }
  }
}

function openedAt(
  open: readonly OpenFile[],
  { place }: { readonly place?: { readonly file: string } | undefined },
): Document {
  return opened(open.find(({ file }) => file.name === place?.file)!)
}

/** The last file with such a key, else the last of all. */
function openedWith(open: readonly OpenFile[], key: string): Document {
  return opened(open.findLast(({ split }) => split().document.has(key)) ?? open.at(-1)!)
}

function opened(each: OpenFile): Document {
  each.isEdited = true
  return each.split().document
}
