import Type from 'typebox'
import type { ControlApp } from '../app.js'
import { DOCS_CSP, docsPage, type ApiDocument } from '../docs-page.js'
import { Metrics } from '../metrics.js'
import { errorResponses } from '../schemas/error.js'
import { Live, Ready, ReadyQuery } from '../schemas/health.js'
import type { Services } from '../services.js'
import { isYes } from './flows.js'

// Typed loosely, because it is no JSON.
const metricsResponses: Readonly<Record<string, unknown>> = {
  200: { description: 'the counts', content: { 'text/plain': { schema: Type.String() } } },
  ...errorResponses,
}

/** What needs no token: none of it says who exists or who may talk to whom by name. */
export function openRoutes(app: ControlApp, services: Services, version: string): void {
  const metrics = new Metrics(services)
  app.addHook('onClose', (_app, done) => {
    metrics.close()
    done()
  })

  app.get('/', { schema: { hide: true } }, (request, reply) => {
    // A person with a browser is shown the console, a program what there is.
    if (request.headers.accept?.includes('text/html') === true) return reply.redirect('/console')
    return reply.send({
      name: 'v4vd',
      version,
      console: '/console',
      docs: '/docs',
      openapi: '/openapi.json',
      ready: '/readyz',
      metrics: '/metrics',
    })
  })

  app.get(
    '/livez',
    {
      schema: {
        summary: 'Answers while the daemon runs.',
        security: [],
        response: { 200: Live, ...errorResponses },
      },
    },
    () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Whether all is as it should be; ?verbose says what was looked at.',
        security: [],
        querystring: ReadyQuery,
        response: { 200: Ready, 503: Ready, ...errorResponses },
      },
    },
    async (request, reply) => {
      const checks = services.health()
      const isOk = checks.every(check => check.ok)
      const isFailed = checks.some(check => !check.ok && check.degraded !== true)
      const ready: Ready = { status: isOk ? 'ok' : isFailed ? 'failed' : 'degraded' }
      if (isYes(request.query.verbose)) {
        ready.checks = checks.map(({ name, ok, message }) => ({ name, ok, message }))
      }
      return reply.code(isOk ? 200 : 503).send(ready)
    },
  )

  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Counts for Prometheus, in its text format.',
        security: [],
        response: metricsResponses,
      },
    },
    async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()),
  )

  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())

  let page: string | undefined
  app.get('/docs', { schema: { hide: true } }, (_request, reply) => {
    page ??= docsPage(app.swagger() as unknown as ApiDocument)
    return reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', DOCS_CSP)
      .send(page)
  })
}
