import { MESSAGE_BYTES_MAX } from '../abi/limits.js'
import { failed } from './fail.js'

/**
 * Reads a stream that is one datagram as a whole.
 * @throws Failure as soon as it is longer than one can be: it may have no end.
 */
export async function readDatagram(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of input) {
    bytes += chunk.length
    if (bytes > MESSAGE_BYTES_MAX) {
      const what = `stdin has more than ${MESSAGE_BYTES_MAX} bytes, the most a datagram can be`
      throw failed(what, 'send it in pieces, or with --lines')
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
