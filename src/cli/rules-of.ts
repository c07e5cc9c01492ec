import type { Rule } from '../policy/rule.js'
import { parseSelector, type Selector } from '../policy/selector.js'
import { failed } from './fail.js'
import type { RuleInfo } from './rest-policy.js'

/**
 * The daemon's rules as the policy engine has them.
 * @throws Failure when the daemon says something this version does not know.
 */
export function rulesOf(infos: readonly RuleInfo[]): Rule[] {
  return infos.map(info => {
    const { id, action, type, replies, comment } = info
    const source = selectorOf(info, info.source)
    const destination = selectorOf(info, info.destination)
    return { id, action, source, destination, type, replies, comment }
  })
}

function selectorOf(info: RuleInfo, text: string): Selector {
  const selector = parseSelector(text)
  if (typeof selector !== 'string') return selector
  throw failed(
    `rule ${info.id} of the daemon can't be read: ${selector}`,
    'use the v4v of the same version as the daemon',
  )
}
