import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { JsonBytes } from './policy/json-bytes.js'
import { nextTurn } from './services/next-turn.js'

/** Bytes that are given to the system in one turn: to copy megabytes holds up every datagram. */
const PART_BYTES = 64 * 1024

/** Answers with JSON that is written already; others get their turn between the parts of it. */
export function sendJson(reply: FastifyReply, json: JsonBytes): FastifyReply {
  return sendParts(reply, [Buffer.from(json.buffer, json.byteOffset, json.byteLength)])
}

/**
 * Answers with `{"NAME":[...]}`; others get their turn between the pages of the list, which is not
 * sent before the last one is written.
 */
export async function sendPages(
  reply: FastifyReply,
  name: string,
  pages: Iterable<readonly object[]>,
): Promise<FastifyReply> {
  const parts = [Buffer.from(`{${JSON.stringify(name)}:[`)]
  for (const page of pages) {
    const comma = parts.length > 1 ? ',' : ''
    parts.push(Buffer.from(comma + JSON.stringify(page).slice(1, -1)))
    await nextTurn()
  }
  parts.push(Buffer.from(']}'))
  return sendParts(reply, parts)
}

function sendParts(reply: FastifyReply, parts: readonly Buffer[]): FastifyReply {
  reply.type('application/json; charset=utf-8')
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length <= PART_BYTES) return reply.send(Buffer.concat(parts))
  return reply.header('content-length', length).send(Readable.from(piecesOf(parts)))
}

async function* piecesOf(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const part of parts) {
    for (let start = 0; start < part.length; start += PART_BYTES) {
      await nextTurn()
      yield part.subarray(start, start + PART_BYTES)
    }
  }
}
