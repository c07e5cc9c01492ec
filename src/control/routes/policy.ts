import type { FastifyRequest, FastifySchemaCompiler } from 'fastify'
import Type, { type TSchema } from 'typebox'
import { formatSchema } from '../../policy/schema.js'
import { parseDuration } from '../../policy/time-text.js'
import type { ControlApp } from '../app.js'
import { sendJson } from '../json-reply.js'
import { causeOf, requireRole } from '../plugins/auth.js'
import { accepted, Refused } from '../refused.js'
import { takeBytes } from '../request-bytes.js'
import { RuleChangeHeaders } from '../schemas/common.js'
import { changeResponses } from '../schemas/comparison.js'
import { errorResponses } from '../schemas/error.js'
import {
  ApplyQuery,
  ConfirmBody,
  PolicyApplied,
  PolicyConfirmed,
  PolicyRequest,
  PolicyView,
  PutQuery,
  RevisionList,
  RevisionListQuery,
  RevisionParams,
  RollbackBody,
  ViewQuery,
} from '../schemas/policy.js'
import type { Services } from '../services.js'
import type { Applied, ApplyOptions } from '../services/applied.js'
import { CONFIRM_MS_MAX } from '../services/rollback-watch.js'
import { validatorOf } from '../validator.js'

const HISTORY_DEFAULT = 50

// Typed loosely, because it is text already.
const schemaResponses: Readonly<Record<string, unknown>> = {
  200: {
    description: 'a JSON Schema',
    content: { 'application/schema+json': { schema: Type.Object({}) } },
  },
  ...errorResponses,
}

export function policyRoutes(app: ControlApp, services: Services): void {
  const { policy, revisions, limits, revision } = services

  app.get(
    '/policy',
    {
      schema: {
        summary: 'The policy in force; its revision is the ETag.',
        querystring: ViewQuery,
        response: jsonText(PolicyView),
      },
    },
    async (request, reply) => {
      const view = await revisions.view(request.query.form === 'documents')
      return sendJson(reply.header('etag', `"${view.revision}"`), view.json)
    },
  )

  app.get(
    '/policy/revisions',
    {
      schema: {
        summary: 'The revisions that are kept, from the newest back.',
        querystring: RevisionListQuery,
        response: { 200: RevisionList, ...errorResponses },
      },
    },
    request => {
      const { limit = HISTORY_DEFAULT, before } = request.query
      return {
        revision: revision(),
        unconfirmed: revisions.unconfirmed() ?? null,
        revisions: revisions.history(limit, before),
      }
    },
  )

  app.get(
    '/policy/revisions/:revision',
    {
      schema: {
        summary: 'What a revision said.',
        params: RevisionParams,
        querystring: ViewQuery,
        response: jsonText(PolicyView),
      },
    },
    async (request, reply) => {
      const asDocuments = request.query.form === 'documents'
      const view = accepted(await revisions.viewOf(request.params.revision, asDocuments))
      return sendJson(reply, view.json)
    },
  )

  app.get(
    '/policy/schema',
    {
      schema: {
        summary: 'The JSON Schema of policy files, for editors.',
        response: schemaResponses,
      },
    },
    (_request, reply) => reply.type('application/schema+json; charset=utf-8').send(formatSchema()),
  )

  app.post(
    '/policy/confirm',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Keeps the revision that would be rolled back otherwise.',
        headers: RuleChangeHeaders,
        body: ConfirmBody,
        response: { 200: PolicyConfirmed, ...errorResponses },
      },
    },
    async request => {
      const confirmed = accepted(await policy.confirm(causeOf(request, request.body?.reason)))
      return { revision: confirmed.revision }
    },
  )

  app.post(
    '/policy/rollback',
    {
      config: { role: 'policy-admin' },
      schema: {
        summary: 'Makes what a revision said the next one.',
        querystring: ApplyQuery,
        headers: RuleChangeHeaders,
        body: RollbackBody,
        response: { 200: PolicyApplied, ...changeResponses },
      },
    },
    async (request, reply) => {
      const { body } = request
      const cause = causeOf(request, body.reason)
      const applied = accepted(
        await policy.rollback(body.revision, cause, applyOptions(request, request.query)),
      )
      return reply.header('etag', `"${applied.revision}"`).send(appliedView(applied))
    },
  )

  app.register((whole, _options, done) => {
    takeBytes(whole)
    whole.put(
      '/policy',
      {
        config: { role: 'policy-admin' },
        bodyLimit: limits.policyBytesMax,
        validatorCompiler: bodyUnseen,
        schema: {
          summary:
            'Replaces the whole policy, by documents or by rules, sets and tags. A revision in If-Match or in the body must be the one in force.',
          querystring: PutQuery,
          headers: RuleChangeHeaders,
          body: PolicyRequest,
          response: { 200: PolicyApplied, ...changeResponses },
        },
      },
      async (request, reply) => {
        const edit = { kind: 'request', bytes: bytesOf(request) } as const
        const cause = causeOf(request)
        const { stale, ...query } = request.query as PutQuery
        const merge = stale === 'merge'
        if (merge && cause.ifRevision === undefined) {
          throw new Refused('EINVAL', 'stale=merge goes with If-Match: say what it was made for')
        }
        const options = { ...applyOptions(request, query), merge }
        const applied = accepted(
          await policy.edit(edit, cause, options, ({ rules, mergedFrom }) => ({
            action: 'policy.replace',
            target: 'policy',
            detail: { rules, mergedFrom },
          })),
        )
        return reply.header('etag', `"${applied.revision}"`).send(appliedView(applied))
      },
    )
    done()
  })
}

/** The answers of a route whose JSON the thread has written; typed loosely for that. */
export function jsonText(view: TSchema): Readonly<Record<string, unknown>> {
  return { 200: view, ...errorResponses }
}

/**
 * How a change of the policy is to be put in force, from a request's query.
 * @throws Refused EINVAL for a time that is none, EPERM for who may not skip tests.
 */
export function applyOptions(
  request: Pick<FastifyRequest, 'adminRole'>,
  { confirm, tests }: ApplyQuery,
): ApplyOptions {
  if (tests === 'skip') requireRole(request, 'root')
  return {
    skipTests: tests === 'skip',
    confirmMs: confirm === undefined ? undefined : confirmMs(confirm),
  }
}

function confirmMs(text: string): number {
  const ms = parseDuration(text)
  if (typeof ms === 'string') throw new Refused('EINVAL', `confirm: ${ms}`)
  if (ms <= CONFIRM_MS_MAX) return ms
  throw new Refused('EINVAL', `confirm: it is at most ${CONFIRM_MS_MAX / 60_000}m, not ${text}`)
}

/** The schema of the body is there to be read by people; the thread holds the body against it. */
export const bodyUnseen: FastifySchemaCompiler<TSchema> = route =>
  route.httpPart === 'body' ? () => true : validatorOf(route)

/** The bytes of a request's body. @throws Refused EINVAL when there is none. */
export function bytesOf(request: { readonly body: unknown }): Uint8Array {
  if (request.body instanceof Uint8Array) return request.body
  throw new Refused('EINVAL', 'the body is missing: send the policy as JSON')
}

function appliedView(applied: Applied): PolicyApplied {
  const { revision, rules, added, changed, removed, deadline, isUnchanged, mergedFrom } = applied
  return {
    revision,
    rules,
    added,
    changed,
    removed,
    deadline: deadline ?? null,
    unchanged: isUnchanged,
    ...(mergedFrom !== undefined && { mergedFrom }),
  }
}
