import type { FastifyReply, FastifyRequest } from 'fastify'
import { quote } from '../../abi/addr.js'
import type { ControlApp } from '../app.js'
import type { ErrorBody } from '../schemas/error.js'

/** True for a method that changes nothing, whatever it is asked of. */
export function onlyReads(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Answers requests for what is not there, and with methods that a path does not take. */
export function answerUnknown(app: ControlApp): void {
  const methodsOf = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ method, url }) => {
    const methods = methodsOf.get(url) ?? new Set()
    methodsOf.set(url, methods)
    for (const each of [method].flat()) methods.add(each)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]!
    const allowed = new Set<string>()
    for (const [pattern, methods] of methodsOf) {
      if (isPath(path, pattern)) for (const method of methods) allowed.add(method)
    }
    if (allowed.size === 0) {
      const message = `there is no ${request.method} ${quote(path)}: /docs lists what there is`
      return reply.code(404).send({ code: 'ENOENT', message } satisfies ErrorBody)
    }
    return refuseMethod(request, reply.header('allow', [...allowed].join(', ')), path)
  })
}

function refuseMethod(request: FastifyRequest, reply: FastifyReply, path: string): FastifyReply {
  if (request.method === 'OPTIONS') return reply.code(204).send()
  const allowed = String(reply.getHeader('allow'))
  const message = `${quote(path)} takes ${allowed}, not ${request.method}`
  return reply.code(405).send({ code: 'EINVAL', message } satisfies ErrorBody)
}

/** @param pattern as routes have it: `:name` stands for one part, `*` for the rest. */
function isPath(path: string, pattern: string): boolean {
  const parts = path.split('/')
  const wanted = pattern.split('/')
  if (wanted.at(-1) === '*') parts.length = Math.min(parts.length, wanted.length)
  if (parts.length !== wanted.length) return false
  return wanted.every((part, i) => part === '*' || part === parts[i] || part.startsWith(':'))
}
