/**
 * How late a policy goes away that nobody confirmed: `node dist/bench/rollback.js [ROUNDS] [RULES]`.
 * Three ways: the daemon runs on; it is killed by SIGKILL after the answer and started again before
 * the deadline; or not before the deadline is over, which then counts from its first answer. Late is
 * the time from the deadline to the first answer that has the old policy in force, asked for without
 * a pause: the daemon was at most one question faster.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { repositoryDir } from './paths.js'
import { spreadOf } from './statistics.js'

const CONFIRM_MS = 500
/** Enough to be killed and started again in. */
const CONFIRM_RESTART_MS = 4_000
const command = join(repositoryDir, 'dist', 'src', 'cli', 'main.js')

interface Applied {
  readonly revision: number
  readonly deadline: number
}

/** A daemon in a process of its own, over one state folder. */
class Daemon {
  readonly #dir: string
  #child: ChildProcess | undefined
  #url = ''

  constructor(dir: string) {
    this.#dir = dir
  }

  async start(): Promise<void> {
    const args = ['serve', '--state', this.#dir, '--listen', '127.0.0.1:0', '--log-level', 'error']
    const child = spawn(process.execPath, [command, ...args], { stdio: 'ignore' })
    this.#child = child
    for (;;) {
      const place = this.#place()
      if (place?.pid === child.pid) {
        this.#url = place!.url
        return
      }
      if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}`)
      await sleep(1)
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child === undefined) return
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    await gone
    this.#child = undefined
  }

  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const token = readFileSync(join(this.#dir, 'admin.token'), 'utf8').trim()
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
    return (await response.json()) as T
  }

  /** Asks until another revision is in force. @returns when the first answer came, and that one. */
  async rolledBack(unconfirmed: number): Promise<{ firstAt: number; at: number }> {
    let firstAt = NaN
    for (;;) {
      const { revision } = await this.ask<{ revision: number }>('GET', '/v1/rules?limit=1')
      const at = Date.now()
      if (Number.isNaN(firstAt)) firstAt = at
      if (revision > unconfirmed) return { firstAt, at }
    }
  }

  #place(): { readonly url: string; readonly pid: number } | undefined {
    try {
      const text = readFileSync(join(this.#dir, 'daemon.json'), 'utf8')
      return JSON.parse(text) as { url: string; pid: number }
    } catch {
      return undefined // not there yet
    }
  }
}

const [rounds = 8, rules = 1_000] = process.argv.slice(2).map(Number)
const dir = mkdtempSync(join(tmpdir(), 'v4v-rollback-'))
const daemon = new Daemon(dir)
const late = { running: [] as number[], before: [] as number[], after: [] as number[] }
const startMs: number[] = []
let variant = 0

/** Applies another policy that waits to be confirmed. */
async function apply(confirmMs: number): Promise<Applied> {
  variant++
  const body = {
    rules: Array.from({ length: rules }, (_, i) => ({
      id: `rule-${variant}-${i}`,
      action: 'accept',
      source: `web${i % 500}:*`,
      destination: `db${i % 700}:${5000 + (i % 100)}`,
    })),
  }
  return daemon.ask<Applied>('PUT', `/v1/policy?confirm=${confirmMs}ms`, body)
}

try {
  await daemon.start()
  for (let round = 0; round < rounds; round++) {
    const live = await apply(CONFIRM_MS)
    late.running.push((await daemon.rolledBack(live.revision)).at - live.deadline)

    const killed = await apply(CONFIRM_RESTART_MS)
    await daemon.end('SIGKILL')
    await daemon.start()
    const { firstAt, at } = await daemon.rolledBack(killed.revision)
    if (firstAt > killed.deadline) throw new Error('it was started too late for the deadline')
    late.before.push(at - killed.deadline)

    const overdue = await apply(CONFIRM_MS)
    await daemon.end('SIGKILL')
    while (Date.now() <= overdue.deadline) await sleep(10)
    const startedAt = Date.now()
    await daemon.start()
    const answer = await daemon.rolledBack(overdue.revision)
    startMs.push(answer.firstAt - startedAt)
    late.after.push(answer.at - answer.firstAt)
  }
} finally {
  await daemon.end('SIGTERM')
  rmSync(dir, { recursive: true, force: true })
}

const ways = [
  ['the daemon runs on', late.running],
  ['killed, and started before the deadline', late.before],
  ['killed, and started after it: since its first answer', late.after],
  ['  (its start, until that answer)', startMs],
] as const
console.log(`${rounds} rounds with ${rules} rules; late by, p50 / max:`)
for (const [name, values] of ways) {
  const { median, max } = spreadOf(values)
  console.log(`${name}: ${median} / ${max} ms`)
}
