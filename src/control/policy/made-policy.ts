import { refuse } from '../../store/refusal.js'
import type { KeptPolicy } from '../../store/policy-body.js'
import { policyOf } from './kept-policies.js'
import {
  insertRule,
  removeRule,
  replacePolicy,
  updateRule,
  type EditContext,
  type Edited,
} from './policy-edit.js'
import type { PolicyEdit, PrepareRefusal } from './policy-messages.js'
import { readPolicyRequest } from './policy-request.js'
import { readRule } from './rule-json.js'

/** A policy after an edit, and what a request said besides. */
export interface Made extends Edited {
  readonly ifRevision?: number | undefined
  readonly reason?: string | undefined
}

/** What an edit makes of a policy, whichever kind of edit it is; the tests are not run. */
export function makePolicy(
  edit: PolicyEdit,
  before: KeptPolicy,
  context: EditContext,
): Made | PrepareRefusal {
  switch (edit.kind) {
    case 'request': {
      const request = readPolicyRequest(edit.bytes, context)
      if (!request.ok) return request
      const { ifRevision, reason } = request
      const replaced = replacePolicy(request.policy, context)
      return replaced.ok ? { ...replaced, ifRevision, reason } : replaced
    }
    case 'insert': {
      const rule = readRule(edit.rule, context)
      if (typeof rule === 'string') return refuse('EINVAL', rule)
      return insertRule(before, rule, edit.position, context)
    }
    case 'update':
      return updateRule(before, edit.id, edit.patch, edit.position, context)
    case 'remove':
      return removeRule(before, edit.id, context)
    case 'restore': {
      const policy = policyOf(edit)
      if (typeof policy === 'string') {
        return refuse('EINVAL', `the policy of that revision can't be read: ${policy}`)
      }
      return { ok: true, policy, lastRuleNumber: context.lastRuleNumber }
    }
  }
}
