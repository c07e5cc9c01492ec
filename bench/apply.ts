/**
 * How long changes of a large policy take, and how long the daemon's event loop stands still for
 * them: `node dist/bench/apply.js [RULES] [TIMES]`. The requests come from another thread, and a
 * probe that turns the loop as fast as it goes notes the longest time between two turns.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { startDaemon } from '../src/daemon.js'

interface Task {
  readonly url: string
  readonly token: string
  readonly rules: number
  readonly times: number
}

/** A kind of change: that it starts, or how long each of them took. */
type Report = { readonly name: string; readonly tookMs?: readonly number[] }

const PAUSE_MS = 50
const FLUSH_MS = 3_000

if (isMainThread) await measure()
else await change(workerData as Task)

async function measure(): Promise<void> {
  const [rules = 10_000, times = 20] = process.argv.slice(2).map(Number)
  const dir = mkdtempSync(join(tmpdir(), 'v4v-apply-'))
  const daemon = await startDaemon({ stateDir: dir, port: 0, logLevel: 'error' })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  let worstMs = 0
  let lastAt = performance.now()
  let isTurning = true
  const turn = (): void => {
    const now = performance.now()
    worstMs = Math.max(worstMs, now - lastAt)
    lastAt = now
    if (isTurning) setImmediate(turn)
  }
  const reset = (): void => {
    worstMs = 0
    delay.reset()
  }
  const stall = (): string =>
    `longest turn ${worstMs.toFixed(2)} ms, loop delay at most ${(delay.max / 1e6).toFixed(2)} ms`
  turn()
  const token = readFileSync(daemon.adminTokenPath, 'utf8').trim()
  const task: Task = { url: daemon.url, token, rules, times }
  const worker = new Worker(new URL(import.meta.url), { workerData: task })
  worker.on('message', ({ name, tookMs }: Report) => {
    if (tookMs === undefined) {
      reset()
      return
    }
    const sorted = tookMs.toSorted((a, b) => a - b)
    const at = (part: number): string => sorted[Math.ceil(sorted.length * part) - 1]!.toFixed(1)
    console.log(`${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; ${stall()}`)
  })
  await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))

  reset()
  const hitting = setInterval(() => {
    for (const counter of daemon.hypervisor.ruleCounters.values()) counter.hits++
  }, 500)
  await new Promise(resolve => setTimeout(resolve, FLUSH_MS))
  clearInterval(hitting)
  console.log(`saving ${rules} counters each second: ${stall()}`)
  isTurning = false
  await daemon.close()
  rmSync(dir, { recursive: true })
}

async function change({ url, token, rules, times }: Task): Promise<void> {
  const ask = async (method: string, path: string, body?: string): Promise<void> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const init = body === undefined ? {} : { body }
    const response = await fetch(`${url}${path}`, { method, headers, ...init })
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
    await response.arrayBuffer()
  }
  const policy = (variant: number): string =>
    JSON.stringify({
      rules: Array.from({ length: rules }, (_, i) => ({
        id: `rule-${variant}-${i}`,
        action: 'accept',
        source: `web${i % 500}:*`,
        destination: `db${i % 700}:${5000 + (i % 100)}`,
        comment: `application ${i} asks its database`,
      })),
    })
  const policies = [policy(0), policy(1)]
  const one = (i: number): string =>
    JSON.stringify({ id: `one-${i}`, action: 'drop', source: '*:*', destination: `x:${i}` })
  const works: readonly [string, (i: number) => Promise<void>][] = [
    ['warming up', i => ask('PUT', '/v1/policy', policies[i % 2])],
    [`apply ${rules} other rules`, i => ask('PUT', '/v1/policy', policies[i % 2])],
    [`apply the same ${rules} rules`, () => ask('PUT', '/v1/policy', policies[0])],
    ['insert a rule', i => ask('POST', '/v1/rules', one(i))],
    ['remove a rule', i => ask('DELETE', `/v1/rules/one-${i}`)],
    ['read the policy', () => ask('GET', '/v1/policy')],
  ]
  for (const [name, work] of works) {
    const tookMs: number[] = []
    parentPort?.postMessage({ name } satisfies Report)
    for (let i = 0; i < times; i++) {
      const startedAt = performance.now()
      await work(i)
      tookMs.push(performance.now() - startedAt)
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
    parentPort?.postMessage({ name, tookMs } satisfies Report)
  }
}
