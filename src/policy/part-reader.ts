import type { Node, Scalar } from 'yaml'
import {
  domainNameProblem,
  MESSAGE_TYPES,
  quote,
  tagProblem,
  type MessageType,
} from '../abi/addr.js'
import { MESSAGE_BYTES_MAX } from '../abi/limits.js'
import type { PolicySet, PolicyTag, PolicyTest, SetElement, TestEnd } from './policy.js'
import { parseAction } from './rule-text.js'
import { ACTIONS, DEFAULT_ID, ruleIdProblem, type Action } from './rule.js'
import { setNameProblem } from './selector.js'
import { formatSetElement, parseSetElement } from './set-element.js'
import { parseTestEnd } from './test-text.js'
import {
  isFirst,
  readItem,
  readList,
  readMapping,
  readPairs,
  readText,
  readWhole,
  type Field,
} from './yaml-fields.js'
import type { YamlSource } from './yaml-source.js'

/** Something with a name that no other file may use too, and where the name stands. */
export interface Named<T> {
  readonly name: Scalar<string>
  readonly what: T
}

const SETS_FORM =
  'sets is a mapping from the name of a set to a list, such as "admins: [anna, tag:ops]"'
const TAGS_FORM = 'tags is a mapping from a tag to a list of domains, such as "web: [web1, web2]"'
const ELEMENT_FORM = 'an element of a set is text such as web, web:80 or tag:db'
const TEST_KEYS = ['from', 'to', 'expect', 'type', 'bytes', 'rule']
const TEST_FORM = 'a test is a mapping with the keys from, to and expect, and type, bytes, rule'
const TYPES = Object.keys(MESSAGE_TYPES) as MessageType[]

/** Reads `sets`; what is wrong is reported to the source. */
export function readSets(source: YamlSource, field: Field): Named<PolicySet>[] {
  return readLists(source, field, SETS_FORM, setNameProblem).map(({ name, items }) => ({
    name,
    what: {
      name: name.value,
      elements: readDistinct(source, items, ELEMENT_FORM, parseSetElement, keyOfElement),
      place: source.at(source.offset(name)),
    },
  }))
}

/** Reads `tags`. */
export function readTags(source: YamlSource, field: Field): Named<PolicyTag>[] {
  const form = 'a domain is named by text'
  return readLists(source, field, TAGS_FORM, tagProblem).map(({ name, items }) => ({
    name,
    what: {
      tag: name.value,
      domains: readDistinct(source, items, form, parseName, ({ domain }) => domain).map(
        ({ domain }) => domain,
      ),
      place: source.at(source.offset(name)),
    },
  }))
}

/** Reads `tests`. */
export function readTests(source: YamlSource, field: Field): PolicyTest[] {
  const items = readList(source, field, 'tests is a list, or [] for none')
  return items.flatMap(item => readTest(source, item) ?? [])
}

function readTest(source: YamlSource, item: Node): PolicyTest | undefined {
  const offset = source.offset(item)
  const fields = readMapping(source, item, offset, TEST_FORM, TEST_KEYS)
  if (fields === undefined) return undefined
  const missing = ['from', 'to', 'expect'].find(key => !fields.has(key))
  if (missing !== undefined) {
    source.report(offset, `a test has the keys from, to and expect: ${missing} is missing`)
    return undefined
  }
  const from = readEnd(source, fields.get('from')!)
  const to = readEnd(source, fields.get('to')!)
  const expect = readWord(source, fields.get('expect'), 'expect', ACTIONS, parseAction)
  const type = readWord(source, fields.get('type'), 'type', TYPES, text =>
    TYPES.find(name => name === text),
  )
  const bytes = readBytes(source, fields.get('bytes'))
  const rule = readRuleId(source, fields.get('rule'))
  if (from === undefined || to === undefined || expect === undefined) return undefined
  return {
    from,
    to,
    expect,
    ...(type !== undefined && { type }),
    ...(bytes !== undefined && { bytes }),
    ...(rule !== undefined && { rule }),
    place: source.at(offset),
  }
}

function readEnd(source: YamlSource, field: Field): TestEnd | undefined {
  const form = `${field.key!.value} is a domain and a port, such as web:40000`
  return check(source, readText(source, field, form), parseTestEnd)
}

function readWord<T extends Action | MessageType>(
  source: YamlSource,
  field: Field | undefined,
  key: string,
  words: readonly T[],
  parse: (text: string) => T | undefined,
): T | undefined {
  const form = `${key} is one of ${words.join(', ')}`
  const text = readText(source, field, form)
  const word = text && parse(text.value)
  if (text !== undefined && word === undefined) {
    source.report(source.offset(text), `${form}, not ${quote(text.value)}`)
  }
  return word
}

function readBytes(source: YamlSource, field: Field | undefined): number | undefined {
  const form = `bytes is a whole number from 0 to ${MESSAGE_BYTES_MAX}`
  const bytes = readWhole(source, field, form)
  if (bytes === undefined || bytes <= MESSAGE_BYTES_MAX) return bytes
  source.report(field!.offset, `${form}, not ${bytes}`)
  return undefined
}

function readRuleId(source: YamlSource, field: Field | undefined): string | undefined {
  const text = readText(source, field, 'rule is the id of a rule, or default', true)
  const id = check(source, text, id => {
    const problem = id === DEFAULT_ID ? undefined : ruleIdProblem(id)
    return problem ?? { id }
  })
  return id?.id
}

/** The lists behind the names of a mapping. */
function readLists(
  source: YamlSource,
  field: Field,
  form: string,
  nameProblem: (name: string) => string | undefined,
): { name: Scalar<string>; items: readonly Node[] }[] {
  const offset = field.value === null ? field.offset : source.offset(field.value)
  const seen = new Map<string, Field>()
  return (readPairs(source, field.value, offset, form) ?? []).flatMap(pair => {
    const name = readItem(source, pair.keyNode, 'a name is text, written in quotes')
    if (name === undefined || !isFirst(source, pair, seen)) return []
    seen.set(name.value, pair)
    const problem = nameProblem(name.value)
    if (problem !== undefined) source.report(pair.offset, problem)
    const items = readList(source, pair, `${quote(name.value)} is a list, or [] for an empty one`)
    return problem === undefined ? [{ name, items }] : []
  })
}

/** The items of a list, each said once. */
function readDistinct<T extends object>(
  source: YamlSource,
  items: readonly Node[],
  form: string,
  parse: (text: string) => T | string,
  keyOf: (value: T) => string,
): T[] {
  const lineByKey = new Map<string, number>()
  return items.flatMap(item => {
    const value = check(source, readItem(source, item, form), parse)
    if (value === undefined) return []
    const key = keyOf(value)
    const line = lineByKey.get(key)
    const offset = source.offset(item)
    if (line !== undefined) {
      source.report(offset, `${key} is in the list already, on line ${line}`)
      return []
    }
    lineByKey.set(key, source.line(offset))
    return [value]
  })
}

/** What a text means; undefined when it is missing, or wrong and reported. */
function check<T extends object>(
  source: YamlSource,
  text: Scalar<string> | undefined,
  parse: (text: string) => T | string,
): T | undefined {
  if (text === undefined) return undefined
  const value = parse(text.value)
  if (typeof value !== 'string') return value
  source.report(source.offset(text), value)
  return undefined
}

function parseName(domain: string): { domain: string } | string {
  return domainNameProblem(domain) ?? { domain }
}

function keyOfElement(element: SetElement): string {
  return formatSetElement({ ...element, expires: undefined })
}
