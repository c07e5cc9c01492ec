import { errorCodes, type FastifyRequest } from 'fastify'
import type { ControlApp } from './app.js'
import { Refused } from './refused.js'
import { nextTurn } from './services/next-turn.js'

type Body = FastifyRequest['raw']

/** What a body is taken to be long that does not say how long it is. */
const BYTES_MIN = 64 * 1024

/**
 * Has an app take bodies as bytes, others getting their turn between the parts: megabytes that come
 * faster than they are dealt with would all be read in one turn of the event loop. Nor are they
 * parsed, which a thread does: bodies of policies are long.
 */
export function takeBytes(app: ControlApp): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (request: FastifyRequest, body: Body) =>
    bytesOfBody(body, request.routeOptions.bodyLimit),
  )
}

async function bytesOfBody(body: Body, bytesMax: number): Promise<Uint8Array> {
  const declared = Number(body.headers['content-length'] ?? BYTES_MIN)
  if (declared > bytesMax) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
  // Of its own, and of the right length from the beginning, so that a thread can have it as it is.
  let bytes: Uint8Array = new Uint8Array(declared)
  let length = 0
  for await (const part of partsOf(body)) {
    const end = length + part.length
    if (end > bytesMax) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
    if (end > bytes.length) bytes = longer(bytes, Math.max(end, Math.min(bytesMax, length * 2)))
    bytes.set(part, length)
    length = end
    await nextTurn()
  }
  return length === bytes.length ? bytes : bytes.slice(0, length)
}

/** @throws Refused EINVAL when it is cut off. */
async function* partsOf(body: Body): AsyncGenerator<Uint8Array> {
  try {
    // Who sends too much is to read the answer that says so, and not to lose the connection.
    for await (const part of body.iterator({ destroyOnReturn: false })) yield part as Uint8Array
  } catch (error) {
    throw new Refused('EINVAL', `the body was cut off: ${(error as Error).message}`)
  }
}

function longer(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length)
  copy.set(bytes)
  return copy
}
