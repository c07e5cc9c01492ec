import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { formatEndpoint } from '../../abi/addr.js'
import { errorInfo } from '../../abi/errno.js'
import type { Domain, RingStatus } from '../../sdk/index.js'
import { attach, withDomain, type DomainOptions } from '../as-domain.js'
import { command, withOutput, type OutputOptions } from '../command.js'
import { errorText, failed } from '../fail.js'
import { printData, printLine } from '../output.js'
import { endpointOf, parseCount, parseDuration } from '../parse.js'
import { printable } from '../printable.js'

interface PingOptions extends DomainOptions, OutputOptions {
  readonly count: number
  readonly interval: number
  readonly timeout: number
  readonly echo?: true
}

/** One round. */
interface Round {
  readonly ok: boolean
  readonly ms: number
  /** What came back, or why nothing did. */
  readonly text: string
}

/** `v4v ping`: how long to a ring and back, and what is there. */
export function pingCommand(): Command {
  const target = command('ping', 'ask after a ring, and how long the answer takes', [
    'v4v ping collector:514 --as web',
    'v4v ping collector:514 --as web --echo   # with: v4v listen 514 --as collector --echo',
  ])
  return withOutput(withDomain(target))
    .argument('<to>', 'NAME:PORT')
    .option('--count <n>', 'how often', parseCount, 4)
    .option('--interval <time>', 'between two rounds, such as 200ms', parseDuration, 1000)
    .option('--timeout <time>', 'how long to wait for an answer', parseDuration, 2000)
    .option('--echo', 'send a datagram and wait for one back, instead of asking the daemon')
    .addHelpText(
      'after',
      `
What the daemon says of a ring: exists; shared when any domain may send to it; empty; sufficient
when there is room now; its free space and its largest message, in bytes. The exit code is 0 when
at least one round had an answer.`,
    )
    .action(ping)
}

async function ping(to: string, options: PingOptions): Promise<void> {
  const address = formatEndpoint(endpointOf(to))
  const domain = await attach(options)
  const rounds: Round[] = []
  try {
    while (rounds.length < options.count) {
      if (rounds.length > 0) await sleep(options.interval)
      const round = await timed(() =>
        options.echo
          ? echo(domain, address, options.timeout)
          : ask(domain, address, options.timeout),
      )
      rounds.push(round)
      if (options.output !== 'table') continue
      const time = `${round.ms.toFixed(3)} ms`
      printLine(printable(`${address}: ${round.text}${round.ok ? `, ${time}` : ''}`))
    }
  } finally {
    await domain.close()
  }
  summarize(address, rounds, options)
}

function summarize(address: string, rounds: readonly Round[], options: PingOptions): void {
  const times = rounds.filter(({ ok }) => ok).map(({ ms }) => ms)
  if (options.output !== 'table') printData(options.output, { to: address, rounds })
  if (times.length === 0) throw failed(`${address} gave no answer: ${rounds.at(-1)!.text}`)
  if (options.output !== 'table') return
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length
  const spread = [Math.min(...times), mean, Math.max(...times)].map(ms => ms.toFixed(3)).join('/')
  printLine(`${rounds.length} asked, ${times.length} answered, min/mean/max ${spread} ms`)
}

async function timed(ask: () => Promise<Omit<Round, 'ms'>>): Promise<Round> {
  const start = performance.now()
  try {
    const answer = await ask()
    return { ...answer, ms: performance.now() - start }
  } catch (error) {
    return { ok: false, text: errorText(error), ms: performance.now() - start }
  }
}

async function echo(domain: Domain, to: string, timeoutMs: number): Promise<Omit<Round, 'ms'>> {
  const answer = await domain.request(to, Buffer.from('ping'), { timeoutMs })
  return { ok: true, text: `${answer.data.length} bytes came back` }
}

async function ask(domain: Domain, to: string, timeoutMs: number): Promise<Omit<Round, 'ms'>> {
  const [status] = await domain.notify([{ to }], { timeoutMs })
  return { ok: status!.exists, text: statusText(status!) }
}

function statusText(status: RingStatus): string {
  const { code, exists, shared, empty, sufficient, spaceBytes, maxMessageBytes } = status
  if (code !== undefined) return errorInfo(code).sentence
  if (!exists) return errorInfo('ECONNREFUSED').sentence
  const flags = Object.entries({ exists, shared, empty, sufficient }).flatMap(([name, is]) =>
    is ? [name] : [],
  )
  return `${flags.join(' ')}, ${spaceBytes} bytes free of ${maxMessageBytes}`
}
