import { performance } from 'node:perf_hooks'
import type { Command } from 'commander'
import { formatEndpoint, type Port } from '../../abi/addr.js'
import { attach, withDomain, type DomainOptions } from '../as-domain.js'
import { command } from '../command.js'
import { readDatagram } from '../datagram-input.js'
import { usage } from '../fail.js'
import { LineSender } from '../line-sender.js'
import { note } from '../output.js'
import { endpointOf, parsePortArgument } from '../parse.js'
import { sendFailure } from '../send-failure.js'

interface SendOptions extends DomainOptions {
  readonly stdin?: true
  readonly lines?: true
  readonly keepNewline?: true
  readonly wait?: true
  readonly from?: Port
}

const HELP = `
With --stdin --lines each line of stdin is one datagram, without the newline that ends it; an
empty line is a datagram of no bytes, and a last line without a newline is a datagram too. So
"v4v listen --lines" at the other end prints the same text, except that it always ends with a
newline. With --keep-newline here and --raw there, any file arrives byte for byte.
The command ends when every datagram is in the receiver's ring, with exit code 0, or at the first
one that is refused for good, with exit code 1. While the receiver's ring is full, it waits.`

/** `v4v send`: sends datagrams. */
export function sendCommand(): Command {
  const target = command('send', 'send datagrams', [
    'v4v send collector:514 "hello" --as web',
    'v4v send collector:514 --as web --stdin < message.bin',
    'v4v send collector:514 --as web --stdin --lines < /var/log/syslog',
  ])
  return withDomain(target)
    .argument('<to>', 'NAME:PORT')
    .argument('[data]', 'text of one datagram')
    .option('--stdin', 'read from stdin instead: all of it is one datagram')
    .option('--lines', 'with --stdin: each line is one datagram')
    .option('--keep-newline', 'with --lines: the newline is part of the datagram')
    .option('--wait', 'where nobody listens, wait until somebody does')
    .option('--from <port>', 'port to send from; else a free one', parsePortArgument)
    .addHelpText('after', HELP)
    .action(send)
}

async function send(to: string, data: string | undefined, options: SendOptions): Promise<void> {
  const address = formatEndpoint(endpointOf(to))
  checkUsage(data, options)
  const domain = await attach(options)
  try {
    const ring = await domain.bind(options.from ?? 0, { size: '4KiB' })
    const sender = new LineSender(ring, address, options.wait ?? false)
    const startedAt = performance.now()
    try {
      if (data !== undefined) await sender.send(Buffer.from(data))
      else if (options.lines) await sender.sendLines(process.stdin, options.keepNewline ?? false)
      else await sender.send(await readDatagram(process.stdin))
    } catch (error) {
      throw sendFailure(error, sender.accepted)
    }
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(3)
    const { accepted, bytes } = sender
    const what = accepted === 1 ? '1 datagram' : `${accepted} datagrams`
    if (options.stdin || process.stderr.isTTY) note(`${what}, ${bytes} bytes, ${seconds} s`)
  } finally {
    // What is left undone after a failure is not worth waiting for.
    await domain.close({ timeoutMs: 1_000 })
  }
}

function checkUsage(data: string | undefined, options: SendOptions): void {
  if (data !== undefined && options.stdin) throw usage('DATA and --stdin exclude each other')
  if (data === undefined && !options.stdin) {
    throw usage('there is nothing to send', 'give DATA, or --stdin')
  }
  if (options.lines && !options.stdin) throw usage('--lines goes with --stdin')
  if (options.keepNewline && !options.lines) throw usage('--keep-newline goes with --lines')
}
