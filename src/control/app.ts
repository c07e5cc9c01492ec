import { createRequire } from 'node:module'
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { ROLE_FIELD } from './docs-page.js'
import { hostProblem } from './host-guard.js'
import { requireAdmin } from './plugins/auth.js'
import { answer, answerClientError, answerErrors } from './plugins/errors.js'
import { answerUnknown, onlyReads } from './plugins/methods.js'
import { describeApi } from './plugins/openapi.js'
import { Refused } from './refused.js'
import { askRoutes } from './routes/asks.js'
import { auditModeRoutes } from './routes/audit-mode.js'
import { auditRoutes } from './routes/audit.js'
import { consoleRoutes } from './routes/console.js'
import { disconnectRoutes } from './routes/disconnects.js'
import { domainRoutes } from './routes/domains.js'
import { flowRoutes } from './routes/flows.js'
import { historyRoutes } from './routes/history.js'
import { inquiryRoutes } from './routes/inquiries.js'
import { liveRoutes } from './routes/live.js'
import { openRoutes } from './routes/open.js'
import { policyRoutes } from './routes/policy.js'
import { ruleRoutes } from './routes/rules.js'
import { setRoutes } from './routes/sets.js'
import { stateRoutes } from './routes/state.js'
import { tokenRoutes } from './routes/tokens.js'
import type { Services } from './services.js'
import { validatorOf } from './validator.js'

/** A fastify instance whose routes take their types from their schemas. */
export type ControlApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface AppOptions {
  /** The name or address that will be listened at; requests for other names are refused. */
  readonly host?: string | undefined
  /** Takes errors of this program; without it there is no log. */
  readonly logger?: FastifyBaseLogger | undefined
}

export const HEADERS_TIMEOUT_MS = 5_000
export const REQUEST_TIMEOUT_MS = 30_000
export const HEADER_BYTES_MAX = 16 * 1024
/** Longer than any name or id, also when each character is written as %XX. */
const PARAM_CHARS_MAX = 256

/** Builds the REST API over the services; it does not listen. */
export function buildApp(services: Services, options: AppOptions = {}): ControlApp {
  const { host = 'localhost', logger } = options
  const app: ControlApp = fastify({
    ...(logger === undefined ? { logger: false } : { loggerInstance: logger }),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: services.limits.requestBytesMax,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: HEADER_BYTES_MAX },
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    exposeHeadRoutes: true,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerClientError,
    frameworkErrors: answer,
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(validatorOf)
  answerErrors(app)
  answerUnknown(app)
  takeEmptyBodies(app)
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    const { headers } = request
    const problem = hostProblem(headers.host, headers.origin, host)
    done(problem === undefined ? undefined : new Refused('EPERM', problem))
  })

  answerWhenSynced(app, services)
  app.addHook('onClose', () => services.close())

  const version = packageVersion()
  describeApi(app, version)
  app.register((open, _options, done) => {
    openRoutes(open, services, version)
    consoleRoutes(open)
    done()
  })
  app.register(
    (v1, _options, done) => {
      requireAdmin(v1, services)
      v1.addHook('onRoute', route => {
        const { schema, config } = route
        if (schema === undefined) return
        schema.security = [{ admin: [] }]
        Object.assign(schema, { [ROLE_FIELD]: config?.role ?? 'viewer' })
      })
      domainRoutes(v1, services)
      tokenRoutes(v1, services)
      ruleRoutes(v1, services)
      policyRoutes(v1, services)
      inquiryRoutes(v1, services)
      setRoutes(v1, services)
      liveRoutes(v1, services)
      disconnectRoutes(v1, services)
      flowRoutes(v1, services)
      historyRoutes(v1, services)
      askRoutes(v1, services)
      auditModeRoutes(v1, services)
      auditRoutes(v1, services)
      stateRoutes(v1, services)
      done()
    },
    { prefix: '/v1' },
  )
  return app
}

/** Tells of a change when it is on the disk, and fails when the disk does. */
function answerWhenSynced(app: ControlApp, { synced }: Services): void {
  const failed = new WeakSet<FastifyRequest>()
  app.addHook('onSend', async (request, _reply, payload) => {
    if (onlyReads(request.method) || failed.has(request)) return payload
    try {
      await synced()
    } catch (error) {
      // The answer that says so is sent through here, too.
      failed.add(request)
      throw error
    }
    return payload
  })
}

// Many clients name JSON as the type of every request, also where it has no body.
function takeEmptyBodies(app: ControlApp): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else void parse(request, String(body), done)
  })
}

function packageVersion(): string {
  const require = createRequire(import.meta.url)
  const { version } = require('v4vd/package.json') as { readonly version: string }
  return version
}
