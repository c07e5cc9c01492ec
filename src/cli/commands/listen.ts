import { Option, type Command } from 'commander'
import { domainNameProblem, type Port } from '../../abi/addr.js'
import { RING_BYTES_MAX, RING_BYTES_MIN } from '../../abi/limits.js'
import { attach, withDomain, type DomainOptions } from '../as-domain.js'
import { ByteOutput } from '../byte-output.js'
import { command, withOutput, type OutputOptions } from '../command.js'
import { datagramFormats, StreamSink, type DatagramSink } from '../datagram-sink.js'
import { CommandInput, CommandPerDatagram } from '../exec.js'
import { errorCode, errorText, failed, usage } from '../fail.js'
import { Listener } from '../listener.js'
import { note } from '../output.js'
import { parseBytes, parseCount, parsePortArgument } from '../parse.js'

interface ListenOptions extends DomainOptions, OutputOptions {
  readonly partner?: string
  readonly exec?: string
  readonly lines?: true
  readonly raw?: true
  readonly count?: number
  readonly size: number
  readonly echo?: true
}

const HELP = `
How datagrams are printed:
  (default)   SOURCE BYTES TEXT, one a line, with escapes for what is not text
  --lines     the payload, then a newline: what "v4v send --stdin --lines" took apart is put
              together again. A file whose last line has no newline gets one.
  --raw       the payload and nothing else: with "v4v send --stdin --lines --keep-newline" every
              file arrives byte for byte
  -o json     one JSON object a line: domain, port, bytes, and text, or base64 if it is not UTF-8
With --exec and --lines or --raw, CMD is run once and reads all of that; else it is run by "sh -c"
once for each datagram, one after the other, reads its payload, and finds the sender's address in
$V4V_SOURCE.
SIGTERM and SIGINT: what has arrived is still printed, then the exit code is 0.`

/** `v4v listen`: prints or pipes the datagrams that arrive. */
export function listenCommand(): Command {
  const target = command('listen', 'print or pipe datagrams that arrive at a port', [
    'v4v listen 514 --as collector',
    'v4v listen 514 --as collector --lines > out.txt',
    'v4v listen 9 --as web --exec \'echo "$V4V_SOURCE said $(cat)"\'',
  ])
  return withOutput(withDomain(target), ['table', 'json'])
    .argument('<port>', 'port to bind; 0 picks a free one', parsePortArgument)
    .option('--partner <domain>', 'take datagrams from this domain only')
    .option('--exec <cmd>', 'give datagrams to a shell command instead of printing them')
    .option('--lines', 'print each payload and a newline')
    .addOption(new Option('--raw', 'print payloads and nothing else').conflicts('lines'))
    .option('--count <n>', 'end after so many datagrams', parseCount)
    .option('--size <bytes>', 'length of the ring, such as 64KiB', parseBytes, 1024 * 1024)
    .option('--echo', 'also send each datagram back to where it came from')
    .addHelpText('after', HELP)
    .action(listen)
}

async function listen(port: Port, options: ListenOptions): Promise<void> {
  const { partner, size, count, echo = false } = options
  const problem = partner === undefined ? undefined : domainNameProblem(partner)
  if (problem !== undefined) throw usage(problem)
  if (size < RING_BYTES_MIN || size > RING_BYTES_MAX) {
    throw usage(`a ring has ${RING_BYTES_MIN} to ${RING_BYTES_MAX} bytes, not ${size}`)
  }

  const domain = await attach(options)
  try {
    const ring = await domain.bind(port, { size, partner }).catch((error: unknown) => {
      if (errorCode(error) !== 'EADDRINUSE') throw error
      const what = `${domain.name}:${port}: ${errorText(error)}`
      throw failed(what, 'an admin sees which with "v4v ring ls"; or use another port', error)
    })
    if (process.stderr.isTTY) note(`${domain.name} listens on port ${ring.port}; Ctrl-C ends`)
    const listener = new Listener(ring, { count, echo })
    await listener.run(sinkOf(options)).catch((error: unknown) => {
      // Whoever reads our output has had enough of it, as in `v4v listen 514 | head`.
      if (errorCode(error) !== 'EPIPE') throw error
    })
    if (listener.failedEchoes > 0) {
      const what = `${listener.failedEchoes} datagrams could not be sent back`
      throw failed(`${what}; the last one: ${listener.echoFailure}`)
    }
  } finally {
    await domain.close()
  }
}

function sinkOf({ exec, lines, raw, output }: ListenOptions): DatagramSink {
  const { readable, json } = datagramFormats
  const stream = lines ? datagramFormats.lines : raw ? datagramFormats.raw : undefined
  if (exec === undefined) {
    return new StreamSink(new ByteOutput(1), stream ?? (output === 'json' ? json : readable))
  }
  if (stream === undefined) return new CommandPerDatagram(exec)
  return new StreamSink(new CommandInput(exec), stream)
}
