import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { JsonBytes } from './policy/json-bytes.js'
import { nextTurn } from './services/next-turn.js'

/** Bytes that are given to the system in one turn: to copy megabytes holds up every datagram. */
const PART_BYTES = 64 * 1024

/** Answers with JSON that is written already; others get their turn between the parts of it. */
export function sendJson(reply: FastifyReply, json: JsonBytes): FastifyReply {
  reply.type('application/json; charset=utf-8')
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength)
  if (bytes.length <= PART_BYTES) return reply.send(bytes)
  return reply.header('content-length', bytes.length).send(Readable.from(partsOf(bytes)))
}

async function* partsOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += PART_BYTES) {
    await nextTurn()
    yield bytes.subarray(start, start + PART_BYTES)
  }
}
