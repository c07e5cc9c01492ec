import type { FastifySchemaValidationError } from 'fastify'
import { quote } from '../abi/addr.js'

/** One field that is wrong, and what was expected of it. */
export interface FieldProblem {
  readonly field: string
  readonly message: string
}

/** Problems named in one answer. */
const PROBLEMS_MAX = 8

const parts: Readonly<Record<string, string>> = {
  body: 'the body',
  querystring: 'the query',
  params: 'the path',
  headers: 'the headers',
}

/**
 * Turns what the validator found into fields and sentences.
 * @param part of the request: body, querystring, params or headers.
 * @param schema of that part.
 */
export function schemaProblems(
  errors: readonly FastifySchemaValidationError[],
  part: string,
  schema: unknown,
): FieldProblem[] {
  const where = parts[part] ?? part
  // A branch of a choice that was not taken explains less than the choice; an unknown field is
  // reported once, by the object that it is in.
  const plain = errors.filter(
    ({ keyword, schemaPath }) => keyword !== 'boolean' && !schemaPath.includes('/anyOf/'),
  )
  return (plain.length > 0 ? plain : errors)
    .slice(0, PROBLEMS_MAX)
    .flatMap(error => explain(error, where, schema))
}

function explain(
  error: FastifySchemaValidationError,
  where: string,
  schema: unknown,
): FieldProblem[] {
  const { keyword, instancePath, schemaPath, params } = error
  const field = fieldName(instancePath)
  const node = nodeAt(schema, schemaPath)
  const subject = field === '' ? where : `${quote(field)} in ${where}`
  switch (keyword) {
    case 'required':
      return strings(params['requiredProperties']).map(name => {
        const child = nodeAt(node, `#/properties/${name}`)
        const missing = join(field, name)
        return { field: missing, message: `${quote(missing)} is missing in ${where}${hint(child)}` }
      })
    case 'additionalProperties': {
      const known = Object.keys(record(record(node)['properties'])).join(', ')
      return strings(params['additionalProperties']).map(name => {
        const unknown = join(field, name)
        const message = `${quote(unknown)} in ${where} is not known: ${subject} takes ${known}`
        return { field: unknown, message }
      })
    }
    case 'enum': {
      const values = Array.isArray(params['allowedValues']) ? params['allowedValues'] : []
      const allowed = values.map(value => JSON.stringify(value)).join(', ')
      return [{ field, message: `${subject} must be one of ${allowed}` }]
    }
    case 'anyOf': {
      const choices = record(node)['anyOf']
      const types = (Array.isArray(choices) ? choices : []).map(choice => record(choice)['type'])
      return [{ field, message: `${subject} must be ${types.join(' or ')} as described in /docs` }]
    }
    default:
      return [{ field, message: `${subject} ${error.message ?? 'is not valid'}${hint(node)}` }]
  }
}

/** `/rules/0/action` is `rules.0.action`. */
function fieldName(instancePath: string): string {
  return instancePath
    .split('/')
    .slice(1)
    .map(key => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
}

function join(field: string, name: string): string {
  return field === '' ? name : `${field}.${name}`
}

function hint(node: unknown): string {
  const { description } = record(node)
  return typeof description === 'string' ? ` (${description})` : ''
}

function nodeAt(schema: unknown, schemaPath: string): unknown {
  const keys = schemaPath.split('/').slice(1)
  return keys.reduce<unknown>((node, key) => record(node)[key], schema)
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}
