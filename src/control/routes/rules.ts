import type { ControlApp } from '../app.js'
import { causeOf } from '../plugins/auth.js'
import { accepted } from '../refused.js'
import { RuleChangeHeaders } from '../schemas/common.js'
import { errorResponses } from '../schemas/error.js'
import {
  RuleAdd,
  RuleChanged,
  RuleList,
  RuleListQuery,
  RuleParams,
  RulePatch,
  RuleRemoved,
  RuleView,
} from '../schemas/rule.js'
import type { Services } from '../services.js'

export function ruleRoutes(app: ControlApp, { rules }: Services): void {
  app.get(
    '/rules',
    {
      schema: {
        summary: 'The rules in force with their counters, in the order in which they are asked.',
        querystring: RuleListQuery,
        response: { 200: RuleList, ...errorResponses },
      },
    },
    request => rules.list(request.query),
  )

  app.post(
    '/rules',
    {
      schema: {
        summary: 'Adds a rule at a position, or behind the last one.',
        headers: RuleChangeHeaders,
        body: RuleAdd,
        response: { 201: RuleChanged, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { id, revision } = accepted(rules.insert(body, causeOf(request, body.reason)))
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
      schema: {
        summary: 'Changes what a rule says, or moves it to a position.',
        params: RuleParams,
        headers: RuleChangeHeaders,
        body: RulePatch,
        response: { 200: RuleChanged, ...errorResponses },
      },
    },
    request => {
      const { params, body } = request
      const cause = causeOf(request, body.reason)
      const { id, revision } = accepted(rules.patch(params.id, body, cause))
      return { revision, rule: accepted(rules.get(id)).rule }
    },
  )

  app.delete(
    '/rules/:id',
    {
      schema: {
        summary: 'Removes a rule and its counters.',
        params: RuleParams,
        headers: RuleChangeHeaders,
        response: { 200: RuleRemoved, ...errorResponses },
      },
    },
    request => {
      const { id, revision } = accepted(rules.remove(request.params.id, causeOf(request)))
      return { id, revision }
    },
  )
}
