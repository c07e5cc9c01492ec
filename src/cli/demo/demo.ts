import { AdminClient } from '../admin-client.js'
import { readDaemonFile } from '../daemon-place.js'
import { failed } from '../fail.js'
import { bold, colour } from '../colour.js'
import { column, printLine, printRows } from '../output.js'
import { printable } from '../printable.js'
import type { RingList } from '../rest.js'
import type { RuleChanged, RuleInfo, RuleList } from '../rest-policy.js'
import { Children } from './children.js'
import { Collector } from './collector.js'
import { Pause } from './pause.js'
import { realText } from './real-text.js'
import { Sender } from './sender-process.js'
import { Viewer } from './viewer.js'

const TARGET = 'collector:514'
/** Between two lines of one sender. */
const INTERVAL_MS = 20
/** How long each act lasts, unless what it shows takes longer. */
const ACT_MS = 2_000
/** The longest that anything is waited for. */
const PATIENCE_MS = 60_000

/** One thing that must hold at the end. */
interface Check {
  readonly text: string
  readonly ok: boolean
}

/**
 * The guided run: a daemon of its own, `web` and `agent` sending lines of a real log file to
 * `collector:514`, a policy that admits only `web`, and a rule that comes and goes while traffic
 * flows.
 */
export class Demo {
  readonly #dir: string
  readonly #children = new Children()
  readonly #pause = new Pause()
  readonly #checks: Check[] = []

  /** @param dir an empty folder, for the daemon's state. */
  constructor(dir: string) {
    this.#dir = dir
  }

  /**
   * Runs to the end.
   * @returns true when everything that must hold did.
   */
  async run(): Promise<boolean> {
    printLine(bold('v4vd: datagrams between parties that do not trust each other'))
    const client = await this.#startDaemon()
    const collector = await this.#startCollector(client)
    const flows = this.#children.command(this.#local('flows', '-f', '-o', 'json'))
    flows.stderr!.pipe(process.stderr)
    const viewer = new Viewer(flows)
    const [web, agent] = await this.#startSenders(client)

    await this.#actRefused(web, agent, viewer)
    const rule = await this.#actAdmitted(client, agent, viewer)
    await this.#actRefusedAgain(client, rule, agent, viewer)
    await this.#summary(client, collector, web, agent)

    const isGood = this.#checks.every(({ ok }) => ok)
    printLine('')
    for (const { text, ok } of this.#checks) {
      printLine(`  ${ok ? colour('green', 'ok    ') : colour('red', 'FAILED')}  ${text}`)
    }
    printLine(bold(isGood ? '\nEverything held.' : '\nNot everything held.'))
    return isGood
  }

  /** Makes `run` end early. */
  interrupt(): Promise<void> {
    this.#pause.abort(failed('the demo was interrupted'))
    return this.end()
  }

  /** Ends all processes at once. */
  kill(): void {
    this.#children.killAll()
  }

  /** Ends all processes. */
  end(): Promise<void> {
    return this.#children.endAll()
  }

  async #startDaemon(): Promise<AdminClient> {
    const child = this.#children.command([
      ...['serve', '--state', this.#dir, '--listen', '127.0.0.1:0', '--log-level', 'error'],
    ])
    child.stdout!.resume()
    let said = ''
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await this.#until('the daemon to start', async () => {
      if (child.exitCode !== null) throw failed(`the daemon of the demo did not start: ${said}`)
      return (await readDaemonFile(this.#dir)) !== undefined
    })
    const client = await AdminClient.open({ state: this.#dir })
    act('1', `A daemon with a state folder of its own, at ${client.url}`)
    for (const name of ['web', 'agent', 'collector']) {
      await client.call('POST', '/v1/domains', { name })
    }
    say('three domains may attach: web, agent and collector; here each is a process of its own')
    return client
  }

  async #startCollector(client: AdminClient): Promise<Collector> {
    const args = this.#local('listen', '514', '--as', 'collector', '-o', 'json')
    const child = this.#children.command(args)
    child.stderr!.pipe(process.stderr)
    const collector = new Collector(child)
    await this.#until('the collector to listen', async () => {
      const { rings } = await client.get<RingList>('/v1/rings')
      return rings.some(({ domain, port }) => domain === 'collector' && port === 514)
    })
    say('collector listens on port 514, with: v4v listen 514 --as collector')
    return collector
  }

  async #startSenders(client: AdminClient): Promise<readonly [Sender, Sender]> {
    const text = await realText(this.#dir)
    const start = (name: string): Sender =>
      new Sender(
        this.#children.sender([
          ...[`${this.#dir}/domains/${name}.sock`, TARGET, text.path, String(INTERVAL_MS)],
        ]),
      )
    const senders = [start('web'), start('agent')] as const
    say(`web and agent both send the lines of ${printable(text.source)} to ${TARGET}`)
    act('2', 'The policy: the first rule that matches decides; none means reject')
    printRules(await client.get<RuleList>('/v1/rules'))
    return senders
  }

  async #actRefused(web: Sender, agent: Sender, viewer: Viewer): Promise<void> {
    act('3', 'So the lines of web pass, and those of agent are refused')
    await this.#until(
      'lines to pass and to be refused',
      () => web.accepted > 0 && agent.refused > 0,
    )
    say(`agent is told ${agent.refusal()}`)
    await this.#show(viewer, 'agent', 'reject')
    await this.#pause.wait(ACT_MS)
    tally(web, agent)
    this.#check('web passed from the start', web.accepted > 0 && web.refused === 0)
    this.#check('nothing of agent passed before there was a rule', agent.accepted === 0)
  }

  async #actAdmitted(client: AdminClient, agent: Sender, viewer: Viewer): Promise<RuleInfo> {
    act('4', 'While traffic flows, a rule is added over REST')
    const body = { action: 'accept', source: 'agent:*', destination: TARGET, comment: 'for now' }
    const { rule, revision } = await client.call<RuleChanged>('POST', '/v1/rules', body)
    const sentBefore = agent.total
    say(`POST /v1/rules ${JSON.stringify(body)}`)
    say(`answer: rule ${rule.id}, revision ${revision}`)
    await this.#until('a line of agent to pass', () => agent.accepted > 0)
    await this.#show(viewer, 'agent', 'accept')
    // Whatever was under way when the answer came has been decided: from here on all pass.
    await this.#until('the next line of agent', () => agent.total > sentBefore + 1)
    const refusedBefore = agent.refused
    await this.#pause.wait(ACT_MS)
    say(`agent: ${agent.accepted} lines have passed now`)
    this.#check('agent passed while the rule was there', agent.accepted > 0)
    this.#check('no line of agent was refused meanwhile', agent.refused === refusedBefore)
    return rule
  }

  async #actRefusedAgain(
    client: AdminClient,
    rule: RuleInfo,
    agent: Sender,
    viewer: Viewer,
  ): Promise<void> {
    act('5', 'The rule is removed again')
    printRules(await client.get<RuleList>('/v1/rules'))
    viewer.forget()
    const { revision } = await client.call<{ revision: number }>('DELETE', `/v1/rules/${rule.id}`)
    say(`DELETE /v1/rules/${rule.id}: revision ${revision}`)
    const sentBefore = agent.total
    const refusedBefore = agent.refused
    await this.#until('agent to be refused again', () => agent.refused > refusedBefore)
    await this.#show(viewer, 'agent', 'reject')
    await this.#until('the next line of agent', () => agent.total > sentBefore + 1)
    const acceptedBefore = agent.accepted
    await this.#pause.wait(ACT_MS)
    this.#check('agent was refused again without the rule', agent.refused > refusedBefore)
    this.#check('nothing of agent passed after that', agent.accepted === acceptedBefore)
  }

  async #summary(
    client: AdminClient,
    collector: Collector,
    web: Sender,
    agent: Sender,
  ): Promise<void> {
    act('6', 'What was sent and what arrived')
    for (const sender of [web, agent]) await this.#children.end(sender.child)
    printRules(await client.get<RuleList>('/v1/rules'))
    await this.#children.end(collector.child)
    const rows = [web, agent].map((sender, i) => {
      const name = i === 0 ? 'web' : 'agent'
      const arrived = collector.sum(name)
      const isEqual = sender.sha256 === arrived.sha256 && sender.accepted === arrived.lines
      this.#check(`what arrived of ${name} is what was accepted, byte for byte`, isEqual)
      return { name, sender, arrived }
    })
    printLine('')
    printRows(
      'table',
      rows,
      [
        column('  FROM', ({ name }) => `  ${name}`),
        column('REFUSED', ({ sender }) => sender.refused, true),
        column('ACCEPTED', ({ sender }) => sender.accepted, true),
        column('ARRIVED', ({ arrived }) => arrived.lines, true),
        column('SHA-256 SENT', ({ sender }) => sender.sha256.slice(0, 16)),
        column('SHA-256 ARRIVED', ({ arrived }) => arrived.sha256.slice(0, 16)),
      ],
      '',
    )
  }

  /** Shows what the viewer sees of a domain. */
  async #show(viewer: Viewer, domain: string, verdict: string): Promise<void> {
    await this.#until(
      `the viewer to see ${domain}`,
      () => viewer.last(domain, verdict) !== undefined,
    )
    say(`v4v flows -f shows: ${viewer.last(domain, verdict)}`)
  }

  async #until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + PATIENCE_MS
    while (!(await isSo())) {
      if (Date.now() > end) throw failed(`the demo waited in vain for ${what}`)
      await this.#pause.wait(INTERVAL_MS)
    }
  }

  #check(text: string, ok: boolean): void {
    this.#checks.push({ text, ok })
  }

  /** The arguments of a command that speaks with the daemon of the demo. */
  #local(...args: readonly string[]): string[] {
    return [...args, '--state', this.#dir]
  }
}

function act(number: string, title: string): void {
  printLine(`\n${bold(`${number}. ${title}`)}`)
}

function say(line: string): void {
  printLine(`   ${line}`)
}

function tally(web: Sender, agent: Sender): void {
  say(
    `web: ${web.accepted} lines accepted; agent: ${agent.accepted} accepted, ${agent.refused} refused`,
  )
}

function printRules(list: RuleList): void {
  const rows = [
    ...list.rules.map(rule => ({ ...rule, place: String(rule.position) })),
    { ...list.default, place: '-', source: 'whatever else', destination: '' },
  ]
  printRows(
    'table',
    rows,
    [
      column('   #', row => `   ${row.place}`),
      column('ACTION', row => row.action),
      column('FROM', row => row.source),
      column('TO', row => row.destination),
      column('DATAGRAMS', row => row.hits, true),
      column('BYTES', row => row.bytes, true),
    ],
    '',
  )
}
