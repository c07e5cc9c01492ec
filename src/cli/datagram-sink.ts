import type { Batch } from '../sdk/batch.js'
import { arrivalOf } from './arrival.js'
import { Gather } from './gather.js'
import { printableBytes, printableJson } from './printable.js'

/** Where datagrams go that arrived. */
export interface DatagramSink {
  /** Takes the first `count` datagrams of a batch; resolves when their bytes are not needed. */
  take(batch: Batch, count: number): Promise<void>
  /** Resolves when everything that was taken has been dealt with. */
  end(): Promise<void>
}

/** Where bytes go. */
export interface ByteSink {
  /** Resolves when the bytes may change. */
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
}

/** Writes one datagram of a batch. */
export type DatagramFormat = (gather: Gather, batch: Batch, i: number) => void

const NEWLINE = 0x0a

/** How a datagram can be printed. */
export const datagramFormats = {
  /** Source, number of bytes and text. */
  readable: (gather, batch, i) => {
    const data = batch.data(i)
    const source = `${batch.source(i)}:${batch.sourcePort(i)}`
    gather.addText(`${source} ${data.length} ${printableBytes(data)}\n`)
  },
  json: (gather, batch, i) => {
    const arrival = arrivalOf(batch.source(i), batch.sourcePort(i), batch.data(i))
    gather.addText(`${printableJson(arrival)}\n`)
  },
  /** The payload and a newline. */
  lines: (gather, batch, i) => {
    gather.add(batch.data(i))
    gather.addByte(NEWLINE)
  },
  raw: (gather, batch, i) => {
    gather.add(batch.data(i))
  },
} as const satisfies Record<string, DatagramFormat>

/** Prints datagrams one behind the other, a batch at a time. */
export class StreamSink implements DatagramSink {
  readonly #output: ByteSink
  readonly #format: DatagramFormat
  readonly #gather = new Gather()

  constructor(output: ByteSink, format: DatagramFormat) {
    this.#output = output
    this.#format = format
  }

  async take(batch: Batch, count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.#format(this.#gather, batch, i)
    await this.#output.write(this.#gather.take())
  }

  end(): Promise<void> {
    return this.#output.end()
  }
}
