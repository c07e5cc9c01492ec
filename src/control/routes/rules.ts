import type { ControlApp } from '../app.js'
import { sendJson } from '../json-reply.js'
import { causeOf } from '../plugins/auth.js'
import { accepted } from '../refused.js'
import { ChangeHeaders, ReasonBody, RuleChangeHeaders } from '../schemas/common.js'
import { changeResponses } from '../schemas/comparison.js'
import { errorResponses } from '../schemas/error.js'
import { ApplyQuery } from '../schemas/policy.js'
import {
  RuleAdd,
  RuleChanged,
  RuleList,
  RuleListQuery,
  RuleParams,
  RulePatch,
  RuleRemoved,
  RulesZeroed,
  RuleView,
} from '../schemas/rule.js'
import type { Services } from '../services.js'
import { applyOptions, jsonText } from './policy.js'

export function ruleRoutes(app: ControlApp, { rules, revision }: Services): void {
  app.get(
    '/rules',
    {
      schema: {
        summary: 'The rules in force with their counters, in the order in which they are asked.',
        querystring: RuleListQuery,
        response: jsonText(RuleList),
      },
    },
    async (request, reply) => sendJson(reply, await rules.list(request.query)),
  )

  app.post(
    '/rules',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Adds a rule at a position, or behind the last one.',
        querystring: ApplyQuery,
        headers: RuleChangeHeaders,
        body: RuleAdd,
        response: { 201: RuleChanged, ...changeResponses },
      },
    },
    async (request, reply) => {
      const { body } = request
      const cause = causeOf(request, body.reason)
      const { id, revision } = accepted(
        await rules.insert(body, cause, applyOptions(request, request.query)),
      )
      return reply.code(201).send({ revision, rule: accepted(rules.get(id)).rule })
    },
  )

  app.get(
    '/rules/:id',
    {
      schema: {
        summary: 'One rule with its counters.',
        params: RuleParams,
        response: { 200: RuleView, ...errorResponses },
      },
    },
    request => accepted(rules.get(request.params.id)).rule,
  )

  app.patch(
    '/rules/:id',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Changes what a rule says, or moves it to a position.',
        params: RuleParams,
        querystring: ApplyQuery,
        headers: RuleChangeHeaders,
        body: RulePatch,
        response: { 200: RuleChanged, ...changeResponses },
      },
    },
    async request => {
      const { params, body } = request
      const cause = causeOf(request, body.reason)
      const { id, revision } = accepted(
        await rules.patch(params.id, body, cause, applyOptions(request, request.query)),
      )
      return { revision, rule: accepted(rules.get(id)).rule }
    },
  )

  app.delete(
    '/rules/:id',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Removes a rule; what it has decided is counted among what is retired.',
        params: RuleParams,
        querystring: ApplyQuery,
        headers: RuleChangeHeaders,
        response: { 200: RuleRemoved, ...changeResponses },
      },
    },
    async request => {
      const cause = causeOf(request)
      const { id, revision } = accepted(
        await rules.remove(request.params.id, cause, applyOptions(request, request.query)),
      )
      return { id, revision }
    },
  )

  app.post(
    '/rules/zero',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Starts all counters again from zero; what they stood at is retired.',
        headers: ChangeHeaders,
        body: ReasonBody,
        response: { 200: RulesZeroed, ...errorResponses },
      },
    },
    async request => {
      const cause = causeOf(request, request.body?.reason)
      const { hits, bytes } = accepted(await rules.zero(undefined, cause))
      return { revision: revision(), hits, bytes }
    },
  )

  app.post(
    '/rules/:id/zero',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Starts the counters of a rule, or of default, again from zero.',
        params: RuleParams,
        headers: ChangeHeaders,
        body: ReasonBody,
        response: { 200: RulesZeroed, ...errorResponses },
      },
    },
    async request => {
      const cause = causeOf(request, request.body?.reason)
      const { hits, bytes } = accepted(await rules.zero(request.params.id, cause))
      return { revision: revision(), hits, bytes }
    },
  )
}
