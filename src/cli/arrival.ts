import { decodeUtf8 } from './printable.js'

/** A datagram as `v4v listen -o json` prints it: its payload as text where it is UTF-8. */
export type Arrival = {
  /** The sender's name. */
  readonly domain: string
  readonly port: number
  readonly bytes: number
} & ({ readonly text: string } | { readonly base64: string })

/** Describes a datagram; its bytes are copied. */
export function arrivalOf(domain: string, port: number, data: Uint8Array): Arrival {
  const text = decodeUtf8(data)
  const head = { domain, port, bytes: data.length }
  return text === undefined
    ? { ...head, base64: Buffer.from(data).toString('base64') }
    : { ...head, text }
}
