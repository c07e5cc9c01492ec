import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { errorInfo, type ErrorCode } from '../../abi/errno.js'
import { StoreError } from '../../store/store-error.js'
import { Refused } from '../refused.js'
import { schemaProblems, type FieldProblem } from '../schema-problem.js'
import type { ErrorBody } from '../schemas/error.js'
import type { ControlApp } from '../app.js'

interface Answer {
  readonly status: number
  readonly body: ErrorBody
}

/** What is said of a failure of the store; the log has the rest. */
const storeSentences: Partial<Record<ErrorCode, string>> = {
  ENOSPC: 'there is no space left to store this, and nothing was changed: free some and try again',
  EBUSY: 'another program is using the database, and nothing was changed: try again',
}
const POLICY_TOO_LARGE =
  'say with tags and sets what many rules say of single domains, or raise limits.policyBytesMax in v4vd.yaml'
const FAILED = 'the daemon failed to do this, and its log says why'

/** Answers every refusal and failure in one shape. */
export function answerErrors(app: ControlApp): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    answer(error, request, reply)
  })
}

/** The same for what fastify refuses before there is a route. */
export function answer(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { status, body } = answerTo(error, request)
  if (status >= 500 && !(error instanceof Refused)) {
    request.log.error({ err: error, method: request.method, path: request.url }, 'a request failed')
  }
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="v4v"')
  void reply.code(status).type('application/json; charset=utf-8').send(body)
}

/** Answers bytes that are no HTTP request, or one that took too long to arrive. */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
    socket.destroy()
    return
  }
  const { status, body } = clientErrorAnswer(error.code)
  const text = JSON.stringify(body)
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
    () => socket.destroy(),
  )
}

/**
 * True in the middle of an answer to a request before: what is written then would become part of it.
 * Node has no public name for the response that it writes, and looks at the same in its own handler.
 */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null }
  return response?.headersSent === true
}

function clientErrorAnswer(code: string): Answer {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusal('ETIMEDOUT', 'the request did not arrive whole in time', 408)
    case 'HPE_HEADER_OVERFLOW':
      return refusal('E2BIG', 'the headers are larger than is allowed', 431)
    default:
      return refusal('EPROTO', 'this is not an HTTP request')
  }
}

function answerTo(error: FastifyError, request: FastifyRequest): Answer {
  if (error instanceof Refused) {
    const { code, message, status, details, comparison } = error
    const body = {
      code,
      message,
      ...(details !== undefined && { details: details as ErrorBody['details'] & object }),
      ...(comparison !== undefined && { comparison }),
    }
    return { status, body }
  }
  if (error instanceof StoreError) {
    const sentence = storeSentences[error.code]
    return refusal(sentence === undefined ? 'EIO' : error.code, sentence ?? FAILED)
  }
  const { validation, validationContext } = error
  if (validation !== undefined && validationContext !== undefined) {
    const schemas: { readonly [part: string]: unknown } = { ...request.routeOptions.schema }
    const problems = schemaProblems(validation, validationContext, schemas[validationContext])
    return malformed(problems)
  }
  const status = error.statusCode ?? 500
  if (status === 413) {
    const { bodyLimit: limit, url } = request.routeOptions
    const isPolicy = url?.startsWith('/v1/policy') === true
    const advice = isPolicy ? `: ${POLICY_TOO_LARGE}` : ''
    const message = `the body is larger than the ${limit} bytes that are allowed here${advice}`
    return refusal('E2BIG', message)
  }
  if (status >= 400 && status < 500) {
    return refusal('EINVAL', sentenceOf(error), status)
  }
  return refusal('EIO', FAILED)
}

function malformed(problems: readonly FieldProblem[]): Answer {
  const message = problems.map(problem => problem.message).join('; ')
  return { status: 400, body: { code: 'EINVAL', message, details: [...problems] } }
}

function sentenceOf(error: FastifyError): string {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return 'the body is not JSON, or has a field called __proto__ or constructor'
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return 'the body must be JSON, with the header Content-Type: application/json'
    case 'FST_ERR_BAD_URL':
      return 'the path of the request is not well encoded'
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return 'a part of the path is longer than any name or id'
    default:
      return error.message
  }
}

function refusal(code: ErrorCode, message: string, status = errorInfo(code).http): Answer {
  return { status, body: { code, message } }
}
