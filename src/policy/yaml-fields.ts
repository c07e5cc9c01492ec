import { isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml'
import { quote } from '../abi/addr.js'
import { describe, type YamlSource } from './yaml-source.js'

/** A key of a mapping and what is behind it. */
export interface Field {
  /** The key, or undefined when it is not text. */
  readonly key: Scalar<string> | undefined
  readonly keyNode: Node
  /** Where the key starts. */
  readonly offset: number
  readonly value: Node | null
}

/** Keys and values of a mapping; undefined when it is not one, which is reported. */
export function readPairs(
  source: YamlSource,
  node: Node | null,
  offset: number,
  form: string,
): readonly Field[] | undefined {
  if (!isMap<Node, Node | null>(node)) {
    source.report(offset, `${form}; here is ${describe(node)}`)
    return undefined
  }
  return node.items.map(({ key, value }) => ({
    key: isText(key) ? key : undefined,
    keyNode: key,
    offset: source.offset(key),
    value,
  }))
}

/** Reports a key that is there a second time; true when it is not. */
export function isFirst(
  source: YamlSource,
  field: Field,
  seen: ReadonlyMap<string, Field>,
): boolean {
  const first = seen.get(field.key!.value)
  if (first === undefined) return true
  const place = `line ${source.line(first.offset)} already`
  source.report(field.offset, `${field.key!.value} is on ${place}`)
  return false
}

/** The fields of a mapping with no other keys; undefined when it is not one, which is reported. */
export function readMapping(
  source: YamlSource,
  node: Node | null,
  offset: number,
  form: string,
  keys: readonly string[],
): ReadonlyMap<string, Field> | undefined {
  const pairs = readPairs(source, node, offset, form)
  if (pairs === undefined) return undefined
  const fields = new Map<string, Field>()
  let isSound = true
  for (const field of pairs) {
    if (field.key === undefined || !keys.includes(field.key.value)) {
      source.report(field.offset, `${form}; ${describe(field.keyNode)} is none of them`)
      isSound = false
    } else if (isFirst(source, field, fields)) {
      fields.set(field.key.value, field)
    } else {
      isSound = false
    }
  }
  return isSound ? fields : undefined
}

/** The items of a list; none when it is something else, which is reported. */
export function readList(source: YamlSource, field: Field, expected: string): readonly Node[] {
  if (isSeq<Node>(field.value)) return field.value.items
  reportValue(source, field, expected)
  return []
}

/**
 * A field's text; undefined when the field is missing, or is something else and reported.
 * @param isFree when any text will do, and what was taken for a number only wants quotes.
 */
export function readText(
  source: YamlSource,
  field: Field | undefined,
  expected: string,
  isFree = false,
): Scalar<string> | undefined {
  if (field === undefined) return undefined
  if (isText(field.value)) return field.value
  const wantsQuotes = isFree && isScalar(field.value) && field.value.value !== null
  reportValue(source, field, wantsQuotes ? `${expected}, written in quotes` : expected)
  return undefined
}

/** An item's text; undefined when it is something else, which is reported. */
export function readItem(
  source: YamlSource,
  item: Node,
  expected: string,
): Scalar<string> | undefined {
  if (isText(item)) return item
  source.report(source.offset(item), `${expected}, not ${describe(item)}`)
  return undefined
}

/** A field's whole number; undefined when it is missing, or is something else and reported. */
export function readWhole(
  source: YamlSource,
  field: Field | undefined,
  expected: string,
): number | undefined {
  if (field === undefined) return undefined
  const { value } = field
  if (isScalar(value) && typeof value.value === 'number') {
    if (Number.isSafeInteger(value.value) && value.value >= 0) return value.value
    source.report(source.offset(value), `${expected}, not ${quote(String(value.value))}`)
    return undefined
  }
  reportValue(source, field, expected)
  return undefined
}

/** Reports that a field's value is not what is expected. */
export function reportValue(source: YamlSource, field: Field, expected: string): void {
  const offset = field.value === null ? field.offset : source.offset(field.value)
  source.report(offset, `${expected}, not ${describe(field.value)}`)
}

function isText(node: Node | null): node is Scalar<string> {
  return isScalar(node) && typeof node.value === 'string'
}
