import swagger from '@fastify/swagger'
import { finishDescription } from '../api-description.js'
import type { ControlApp } from '../app.js'
import { WIRE_ATTACH } from '../docs-page.js'
import { namedSchemas } from '../schemas/named.js'

/** Collects the schemas of all routes that are registered after it into one description. */
export function describeApi(app: ControlApp, version: string): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'v4vd',
        version,
        description: `Administration of a v4v daemon. Everything under /v1 needs an admin token as bearer; /livez, /readyz and /metrics are open to whoever reaches the address that the daemon listens at, which is the machine itself unless it was told otherwise. ${WIRE_ATTACH}`,
      },
      components: { securitySchemes: { admin: { type: 'http', scheme: 'bearer' } } },
    },
    convertConstToEnum: false,
    transformObject: document =>
      'openapiObject' in document
        ? finishDescription({ ...document.openapiObject }, namedSchemas)
        : {},
  })
}
