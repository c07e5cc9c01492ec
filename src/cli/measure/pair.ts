import { randomBytes } from 'node:crypto'
import { Option, type Command } from 'commander'
import { domainNameProblem, parseEndpoint } from '../../abi/addr.js'
import { AdminClient } from '../admin-client.js'
import { attachPlace, attachUrl, type AttachPlace } from '../as-domain.js'
import { changeHeaders } from '../change.js'
import { withDaemon, type DaemonOptions } from '../command.js'
import { placeOf, runningDaemon } from '../daemon-place.js'
import { errorText, failed, usage } from '../fail.js'
import { note } from '../output.js'
import { printable } from '../printable.js'
import { restPath } from '../rest-path.js'
import { tokenInVariable } from '../token-text.js'
import type { TokenIssued } from '../rest.js'
import type { RuleChanged } from '../rest-policy.js'

/** Ways to attach, and whether memory is shared with a daemon on this machine. */
const SHARES = { auto: 'auto', unix: 'off', 'shared-memory': 'require', ws: 'off' } as const
type Way = keyof typeof SHARES
const WAYS = Object.keys(SHARES) as Way[]

/** The port of the domain that receives, unless told (RFC 862: echo). */
const PORT: number = 7
const COMMENT = 'temporary, of v4v bench or latency'
const REASON = 'a measurement by v4v bench or latency'

/** Options of the commands that measure between two domains. */
export interface PairOptions extends DaemonOptions {
  readonly from?: string
  readonly to?: string
  readonly transport?: Way
}

/** One of the two domains, and how to attach as it. */
export interface Seat {
  readonly name: string
  /** 0 for a free one. */
  readonly port: number
  readonly place: SeatPlace
}

/** Where to attach, and whether with shared memory: options of `connect`. */
export interface SeatPlace extends AttachPlace {
  readonly sharedMemory: (typeof SHARES)[Way]
}

/** The two domains of a measurement. */
export interface Pair {
  readonly from: Seat
  readonly to: Seat
  /** Removes what was only made for the measurement. */
  end(): Promise<void>
}

export const PAIR_HELP = `
Without --from and --to two domains and a rule between them are made, and removed again at the end;
that takes the rights of an admin. Domains that are named are used as they are, under the policy as
it is: "v4v bench" needs a rule from the one to the other, "v4v latency" one with --replies.
Over WebSocket each side needs a token: $V4V_FROM_TOKEN and $V4V_TO_TOKEN, else an admin's rights
to issue them for the time of the measurement.
The receiver is a process of its own on this machine; both ends use nothing but the SDK.`

/** Adds `--from`, `--to`, `--transport`, `--url` and `--state`. */
export function withPair(target: Command): Command {
  return withDaemon(target, 'http://host:8484')
    .option('--from <name[:port]>', 'the domain that sends')
    .option('--to <name[:port]>', `the domain that receives (port ${PORT} unless told)`)
    .addOption(
      new Option(
        '--transport <transport>',
        'how both attach: auto shares memory where it can (auto; with --url ws)',
      ).choices(WAYS),
    )
}

/**
 * Finds or makes the two domains.
 * @throws Failure that says what is missing.
 */
export async function openPair(options: PairOptions): Promise<Pair> {
  const { from, to } = options
  const { url: asked } = await placeOf(options)
  const way = options.transport ?? (asked === undefined ? 'auto' : 'ws')
  if (way !== 'ws' && asked !== undefined) {
    throw usage(`--transport ${way} is for the local daemon`, 'name it by --state instead of --url')
  }
  if (asked?.protocol === 'unix:') {
    throw usage('a unix: URL is the way of one domain', 'name the local daemon by --state')
  }
  if ((from === undefined) !== (to === undefined)) {
    throw usage('--from and --to go together', 'give both, or none for temporary domains')
  }
  const making = new Making(options, way)
  try {
    if (from !== undefined && to !== undefined) {
      return await making.named(endOf('--from', from, 0), endOf('--to', to, PORT))
    }
    return await making.temporary()
  } catch (error) {
    await making.undo()
    throw error
  }
}

interface End {
  readonly name: string
  readonly port: number
}

function endOf(flag: string, text: string, port: number): End {
  if (!text.includes(':')) {
    const problem = domainNameProblem(text)
    if (problem !== undefined) throw usage(`${flag}: ${problem}`)
    return { name: text, port }
  }
  const endpoint = parseEndpoint(text)
  if (typeof endpoint === 'string') throw usage(`${flag}: ${endpoint}`)
  return { name: String(endpoint.domain), port: endpoint.port }
}

/** Makes what a measurement needs, and knows how to take it back. */
class Making {
  readonly #options: PairOptions
  readonly #way: Way
  readonly #undo: { readonly what: string; readonly run: () => Promise<unknown> }[] = []
  #client: AdminClient | undefined

  constructor(options: PairOptions, way: Way) {
    this.#options = options
    this.#way = way
  }

  async temporary(): Promise<Pair> {
    const client = await this.#admin()
    const id = randomBytes(4).toString('hex')
    const [from, to] = [`bench-${id}-from`, `bench-${id}-to`]
    for (const name of [from, to]) {
      await client.call('POST', '/v1/domains', { name })
      this.#later(`domain ${name}`, () => client.call('DELETE', restPath('domains', name)))
    }
    const answer = await client.call<RuleChanged>('POST', '/v1/rules', {
      action: 'accept',
      source: `${from}:*`,
      destination: `${to}:${PORT}`,
      replies: true,
      position: 1,
      comment: COMMENT,
      reason: REASON,
    })
    const path = restPath('rules', answer.rule.id)
    const headers = changeHeaders({ reason: REASON })
    this.#later(`rule ${answer.rule.id}`, () => client.call('DELETE', path, undefined, headers))
    return this.named({ name: from, port: 0 }, { name: to, port: PORT })
  }

  async named(from: End, to: End): Promise<Pair> {
    const places = {
      from: await this.#placeOf(from.name, 'V4V_FROM_TOKEN'),
      to: await this.#placeOf(to.name, 'V4V_TO_TOKEN'),
    }
    return {
      from: { ...from, place: places.from },
      to: { ...to, place: places.to },
      end: () => this.undo(),
    }
  }

  /** Takes everything back, the last thing first. What can't be is said. */
  async undo(): Promise<void> {
    const left: string[] = []
    let why = ''
    for (let step = this.#undo.pop(); step !== undefined; step = this.#undo.pop()) {
      const { what, run } = step
      await run().catch((error: unknown) => {
        left.push(what)
        why = errorText(error)
      })
    }
    if (left.length > 0) {
      note(printable(`v4v: to be removed by hand: ${left.join(', ')} (${why})`))
    }
  }

  async #placeOf(name: string, tokenVariable: string): Promise<SeatPlace> {
    const place = await this.#attachPlaceOf(name, tokenVariable)
    return { ...place, sharedMemory: SHARES[this.#way] }
  }

  async #attachPlaceOf(name: string, tokenVariable: string): Promise<AttachPlace> {
    if (this.#way !== 'ws') return attachPlace({ ...this.#options, as: name })
    const { url: asked } = await placeOf(this.#options)
    const daemonUrl = asked ?? new URL((await runningDaemon(this.#options)).url)
    const token =
      tokenInVariable(tokenVariable) ?? (await this.#issueToken(name, tokenVariable, asked?.origin))
    return { url: attachUrl(daemonUrl), token }
  }

  async #issueToken(name: string, variable: string, url: string | undefined): Promise<string> {
    let client
    try {
      client = await this.#admin()
    } catch (error) {
      const where = url === undefined ? '' : ` at ${url}`
      throw failed(
        `there is no token for ${name}${where}`,
        `set ${variable}, or V4V_ADMIN_TOKEN to have one issued`,
        error,
      )
    }
    const issued = await client.call<TokenIssued>('POST', restPath('domains', name, 'tokens'), {
      label: COMMENT,
    })
    const { id } = issued.token
    this.#later(`token ${id} of domain ${name}`, () => client.call('DELETE', `/v1/tokens/${id}`))
    return issued.text
  }

  async #admin(): Promise<AdminClient> {
    this.#client ??= await AdminClient.open(this.#options)
    return this.#client
  }

  #later(what: string, run: () => Promise<unknown>): void {
    this.#undo.push({ what, run })
  }
}
