import type { FastifyReply, FastifyRequest } from 'fastify'
import { quote } from '../../abi/addr.js'
import type { ControlApp } from '../app.js'
import { CONSOLE_CSP, CONSOLE_PAGE, readConsole, type ConsoleFile } from '../console-files.js'
import { Refused } from '../refused.js'

/** The files of the console: they hold nothing secret, and all they do is ask REST with a token. */
export function consoleRoutes(app: ControlApp): void {
  let files: ReadonlyMap<string, ConsoleFile> | undefined
  const send = (name: string, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    files ??= readConsole()
    const file = files.get(name)
    if (file === undefined) throw new Refused('ENOENT', `the console has no file ${quote(name)}`)
    reply.headers({
      'content-security-policy': CONSOLE_CSP,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cache-control': 'no-cache', // kept, but asked about each time
      etag: file.etag,
    })
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send()
    return reply.type(file.type).send(file.body)
  }

  app.get('/console', { schema: { hide: true } }, (request, reply) =>
    send(CONSOLE_PAGE, request, reply),
  )
  app.get<{ Params: { '*': string } }>('/console/*', { schema: { hide: true } }, (request, reply) =>
    send(request.params['*'] || CONSOLE_PAGE, request, reply),
  )
}
