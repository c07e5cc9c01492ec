import { parse, type Pair, type Scalar, type YAMLMap } from 'yaml'
import { formatPolicyDocument } from './document.js'
import { laidOut } from './layout.js'
import { ruleDocument } from './rule-lines.js'
import { parseAction } from './rule-text.js'
import type { Rule } from './rule.js'

/**
 * Makes the lines of a rule say something else, and its id. What says the same still stays as it
 * was written, comments included; the comment of a key that goes moves to the action.
 * @param lines a rule as it stands in a file.
 * @param old what they say.
 * @returns a document with that rule alone.
 */
export function rewrittenRule(lines: string, old: Rule, rule: Rule): string {
  const { document, map } = ruleDocument(lines)
  const [before, after] = [itemOf(old), itemOf(rule)]
  map.flow = false
  const action = pairsOf(map).find(({ key }) => parseAction(key.value) !== undefined)!
  action.key.value = rule.action
  if (!map.has('id')) map.items.unshift(document.createPair('id', rule.id))
  const comments: string[] = []
  for (const [key, value] of Object.entries(after)) {
    if (key === rule.action ? after[key] === before[old.action] : before[key] === value) continue
    const scalar = map.get(key, true)
    if (scalar !== undefined) delete scalar.type
    map.set(key, value)
  }
  for (const key of Object.keys(before)) {
    if (key in after || key === old.action) continue
    const { key: name, value } = pairsOf(map).find(pair => pair.key.value === key)!
    comments.push(
      ...[name.commentBefore, value!.commentBefore, value!.comment].flatMap(c => c ?? []),
    )
    map.delete(key)
  }
  if (comments.length > 0) {
    action.key.commentBefore = [...comments, action.key.commentBefore ?? []].flat().join('\n')
  }
  return laidOut(document)
}

function itemOf(rule: Rule): Readonly<Record<string, string | number | boolean>> {
  const { rules } = parse(formatPolicyDocument({ rules: [rule] })) as {
    readonly rules: readonly Readonly<Record<string, string | number | boolean>>[]
  }
  return rules[0]!
}

function pairsOf(map: YAMLMap): Pair<Scalar<string>, Scalar>[] {
  return map.items as Pair<Scalar<string>, Scalar>[]
}
