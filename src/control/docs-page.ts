import { createHash } from 'node:crypto'

/** What the description says of the one path that is not REST. */
export const WIRE_ATTACH =
  'Domains attach by WebSocket at GET /v1/attach: binary messages of whole frames, the first of which is a HELLO with the token of the domain; src/abi/README.md describes the frames.'

/** Where the description of an operation has the least role that may use it. */
export const ROLE_FIELD = 'x-v4v-role'

/** As much of an OpenAPI document as the page shows. */
export interface ApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, ApiSchema>> }
  readonly info: { readonly title: string; readonly version: string; readonly description?: string }
  readonly paths?: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>
}

interface ApiOperation {
  readonly summary?: string
  readonly [ROLE_FIELD]?: string
  readonly parameters?: readonly ApiParameter[]
  readonly requestBody?: { readonly content?: ApiContent }
  readonly responses?: Readonly<Record<string, { readonly content?: ApiContent }>>
}

interface ApiParameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly description?: string
  readonly schema?: ApiSchema
}

type ApiContent = Readonly<Record<string, { readonly schema?: ApiSchema }>>

interface ApiSchema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly ApiSchema[]
  readonly items?: ApiSchema
  readonly properties?: Readonly<Record<string, ApiSchema>>
  readonly required?: readonly string[]
}

const style = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff }
h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; border-top: 1px solid #ccc; padding-top: 1rem }
code, h2 { font-family: ui-monospace, monospace }
table { border-collapse: collapse; margin: .3rem 0 }
td { padding: .1rem 1rem .1rem 0; vertical-align: top }
h3 { font-size: 1rem; margin: .6rem 0 0 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } a { color: #8ab4f8 } h2 { border-color: #444 } }
`
const styleHash = createHash('sha256').update(style).digest('base64')

/** Nothing but the page's own style may be used by it, and nobody may put it into a frame. */
export const DOCS_CSP = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** The description as a page to read: no script, nothing loaded from anywhere. */
export function docsPage(document: ApiDocument): string {
  const paths = dereferenced(document.paths ?? {}, document)
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => section(path, method, operation)),
  )
  const { title, version, description = '' } = document.info
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)} API</title><style>${style}</style></head>
<body>
<h1>${escape(title)} ${escape(version)}</h1>
<p>${escape(description)}</p>
<p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>
${operations.join('\n')}
</body>
</html>
`
}

function section(path: string, method: string, operation: ApiOperation): string {
  const { summary = '', parameters = [], requestBody, responses = {} } = operation
  const success = Object.entries(responses).find(([status]) => status.startsWith('2'))
  const parts = [
    `<h2>${escape(method.toUpperCase())} ${escape(path)}</h2>`,
    `<p>${escape(summary)}${needs(operation)}</p>`,
    table(
      'Parameters',
      parameters.map(({ name, in: where, required = false, description, schema = {} }) =>
        row(
          name,
          required,
          { ...(description !== undefined && { description }), ...schema },
          where,
        ),
      ),
    ),
    fields('Body', schemaOf(requestBody?.content)),
    fields(`Answer ${success?.[0] ?? ''}`, schemaOf(success?.[1].content)),
  ]
  return parts.join('\n')
}

function needs({ [ROLE_FIELD]: role }: ApiOperation): string {
  return role === undefined ? '' : ` Needs an admin token with the role ${escape(role)} or more.`
}

/** A copy of a part of the description with the schemas that are referred to by name. */
function dereferenced<T>(part: T, api: ApiDocument): T {
  const text = JSON.stringify(part, (_key, value: unknown) => {
    const { $ref } = (value ?? {}) as ApiSchema
    const name = $ref?.split('/').at(-1)
    return name === undefined ? value : dereferenced(api.components?.schemas?.[name], api)
  })
  return JSON.parse(text) as T
}

function fields(title: string, schema: ApiSchema | undefined): string {
  const object = schema?.anyOf?.find(choice => choice.properties !== undefined) ?? schema
  if (object === undefined) return ''
  const { properties = {}, required = [] } = object
  const rows = Object.entries(properties).map(([name, field]) =>
    row(name, required.includes(name), field),
  )
  return table(title, rows)
}

function table(title: string, rows: readonly string[]): string {
  return rows.length === 0 ? '' : `<h3>${escape(title)}</h3><table>${rows.join('')}</table>`
}

function row(name: string, isRequired: boolean, schema: ApiSchema, where = ''): string {
  const optional = isRequired ? '' : 'optional'
  const notes = [where, optional, schema.description ?? ''].filter(note => note !== '').join(', ')
  return `<tr><td><code>${escape(name)}</code></td><td>${escape(typeText(schema))}</td><td>${escape(notes)}</td></tr>`
}

function schemaOf(content: ApiContent | undefined): ApiSchema | undefined {
  return content?.['application/json']?.schema
}

function typeText(schema: ApiSchema): string {
  const { type, anyOf, items, properties } = schema
  if (schema.enum !== undefined) return schema.enum.map(value => JSON.stringify(value)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (anyOf !== undefined) return anyOf.map(typeText).join(' | ')
  if (items !== undefined) return `list of ${typeText(items)}`
  if (properties !== undefined) return `{ ${Object.keys(properties).join(', ')} }`
  return typeof type === 'string' ? type : (type ?? ['anything']).join(' | ')
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
