import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'

const wholePattern = /^-?(0|[1-9][0-9]*)$/

/**
 * Holds a part of a request against its schema. Paths and queries are text: a whole number in one
 * is written as such. TypeBox's own conversion takes `true` and `1.9` for 1 as well, which may be
 * the id of what nobody meant.
 */
export const validatorOf: FastifySchemaCompiler<TSchema> = route => {
  // Bodies are the part that is not converted.
  const validate = TypeBoxValidatorCompiler({ ...route, httpPart: 'body' })
  if (route.httpPart !== 'params' && route.httpPart !== 'querystring') return validate
  const { properties = {} } = route.schema as { readonly properties?: Record<string, TypeName> }
  const numbers = Object.keys(properties).filter(name => properties[name]!.type === 'integer')
  return (value: Readonly<Record<string, unknown>>) => {
    const converted = { ...value }
    for (const name of numbers) {
      if (Object.hasOwn(value, name)) converted[name] = wholeOf(value[name])
    }
    return validate(converted)
  }
}

interface TypeName {
  readonly type?: unknown
}

/** What is no whole number that can be counted to is left as it is, and refused as that. */
function wholeOf(value: unknown): unknown {
  const number = typeof value === 'string' && wholePattern.test(value) ? Number(value) : undefined
  return Number.isSafeInteger(number) ? number : value
}
