import { STATUS_CODES } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import type { TSchema } from 'typebox'

/** An object of JSON. */
type Json = Record<string, unknown>

/** What the library writes where a route says nothing of an answer. */
const NO_DESCRIPTION = 'Default Response'

/**
 * Makes the description that the library gathers from the routes good for generating clients:
 * schemas with a name are stated once, each operation has an id, a body that may be left out says
 * so, and a choice of words says that it is one of text.
 * @param document an OpenAPI document; it is left as it is.
 * @param named the schemas to state once, by the name they get.
 */
export function finishDescription(
  document: Readonly<Json>,
  named: Readonly<Record<string, TSchema>>,
): Json {
  const schemas = new NamedSchemas(named)
  const finished = schemas.refer(plain(document)) as Json
  for (const [path, methods] of Object.entries(finished['paths'] as Record<string, Json>)) {
    for (const [method, operation] of Object.entries(methods)) {
      methods[method] = finishOperation(path, method, operation as Json)
    }
  }
  finished['components'] = { ...(finished['components'] as Json), schemas: schemas.definitions() }
  return finished
}

/** `getRulesById` for GET /v1/rules/{id}: it holds as long as method and path do. */
export function operationId(method: string, path: string): string {
  const words = path
    .replace(/^\/v1\//, '')
    .replaceAll(/\{(\w+)\}/g, 'by-$1')
    .split(/[^A-Za-z0-9]+/)
    .filter(word => word !== '')
  return method + words.map(word => word[0]!.toUpperCase() + word.slice(1)).join('')
}

function finishOperation(path: string, method: string, operation: Json): Json {
  const responses = operation['responses'] as Record<string, Json>
  for (const [status, response] of Object.entries(responses)) {
    if (response['description'] !== NO_DESCRIPTION) continue
    response['description'] = STATUS_CODES[status] ?? 'the answer'
  }
  const body = operation['requestBody'] as Json | undefined
  return {
    operationId: operationId(method, path),
    ...operation,
    ...(body !== undefined && { requestBody: finishBody(body) }),
  }
}

/** A body that may be null may be left out as well, which is the way to say it in OpenAPI. */
function finishBody(body: Json): Json {
  const content = body['content'] as Record<string, { readonly schema: Json }>
  let isRequired = body['required']
  const finished: Json = {}
  for (const [type, { schema }] of Object.entries(content)) {
    const choices = schema['anyOf'] as readonly Json[] | undefined
    const [first, second] = choices ?? []
    const isOptional = choices?.length === 2 && second?.['type'] === 'null'
    if (isOptional) isRequired = false
    finished[type] = { schema: isOptional ? first : schema }
  }
  return { ...body, required: isRequired, content: finished }
}

/** A copy in which a choice of words has the type of them, and a record of one kind says so. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const copy: Json = {}
  for (const [key, each] of Object.entries(value)) copy[key] = plain(each)
  const { enum: words, patternProperties, ...rest } = copy
  if (typeof patternProperties === 'object') {
    const [additionalProperties] = Object.values(patternProperties ?? {})
    return { ...rest, additionalProperties }
  }
  const isText = Array.isArray(words) && words.every(word => typeof word === 'string')
  return isText && copy['type'] === undefined ? { type: 'string', ...copy } : copy
}

/** Finds schemas that have a name wherever they are stated. */
class NamedSchemas {
  /** By the names of their properties, since to compare every schema with each would take long. */
  readonly #byProperties = new Map<string, { readonly name: string; readonly schema: Json }[]>()

  constructor(named: Readonly<Record<string, TSchema>>) {
    for (const [name, typed] of Object.entries(named)) {
      const schema = plain(JSON.parse(JSON.stringify(typed))) as Json
      const key = propertyNames(schema)
      this.#byProperties.set(key, [...(this.#byProperties.get(key) ?? []), { name, schema }])
    }
  }

  /** A copy of a part of the description with references in place of schemas that have a name. */
  refer(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(each => this.refer(each))
    if (typeof value !== 'object' || value === null) return value
    const candidates = this.#byProperties.get(propertyNames(value as Json)) ?? []
    const found = candidates.find(({ schema }) => isDeepStrictEqual(schema, value))
    if (found !== undefined) return { $ref: `#/components/schemas/${found.name}` }
    return this.#referWithin(value)
  }

  /** What the references mean. */
  definitions(): Json {
    const all = [...this.#byProperties.values()].flat()
    return Object.fromEntries(all.map(({ name, schema }) => [name, this.#referWithin(schema)]))
  }

  #referWithin(value: object): Json {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.refer(each)]))
  }
}

function propertyNames(schema: Json): string {
  const { properties } = schema
  const isSchema = typeof properties === 'object' && properties !== null
  return isSchema ? Object.keys(properties).join(' ') : ''
}
