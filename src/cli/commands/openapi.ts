import type { Command } from 'commander'
import { adminUrl, reach } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { failed } from '../fail.js'
import { column, printData, printRows } from '../output.js'
import type { ApiDescription } from '../rest.js'

/** `v4v openapi`: what the REST interface of a daemon offers. It needs no token. */
export function openapiCommand(): Command {
  return adminCommand(
    'openapi',
    'list what a daemon offers over REST; with -o json its OpenAPI description, for generators',
    ['v4v openapi', 'v4v openapi -o json > openapi.json'],
  ).action(async (options: DaemonOptions & OutputOptions) => {
    const url = new URL('/openapi.json', await adminUrl(options))
    const response = await reach(url)
    if (!response.ok) throw failed(`${url.href} answers ${response.status}`)
    const api = (await response.json().catch((error: unknown) => {
      throw failed(`${url.href} answers with no JSON`, 'is it a v4v daemon?', error)
    })) as ApiDescription
    if (options.output !== 'table') printData(options.output, api)
    else printRows('table', operationsOf(api), columns, 'nothing')
  })
}

interface Operation {
  readonly method: string
  readonly path: string
  readonly role: string
  readonly summary: string
}

const columns = [
  column<Operation>('METHOD', ({ method }) => method),
  column<Operation>('PATH', ({ path }) => path),
  column<Operation>('ROLE', ({ role }) => role),
  column<Operation>('WHAT', ({ summary }) => summary),
]

function operationsOf({ paths }: ApiDescription): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary, 'x-v4v-role': role = '-' }]) => ({
      method: method.toUpperCase(),
      path,
      role,
      summary,
    })),
  )
}
