/**
 * What changes of a large policy do to the daemon's event loop, seen from within:
 * `node dist/bench/turns.js [RULES] [TIMES]`. What a datagram feels of it is the subject of
 * `bench/apply.ts`. The requests come from another thread, and a probe that turns the loop as fast
 * as it goes notes the longest time between two turns, three ways. By the clock; on a machine whose
 * processors are busy that is mostly what others do: the threads that ask, that prepare, and other
 * programs. By the thread's processor time is what the daemon does itself, without its waits for
 * the disk. Without the waits for a processor is what a datagram would wait on a machine with a
 * processor to spare. Of each kind of request the median over the requests says what one usually
 * costs, and the longest what is to be expected at worst.
 */
import { mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { startDaemon } from '../src/daemon.js'
import { policyRequests } from './scenarios/policy-requests.js'

interface Task {
  readonly url: string
  readonly token: string
  readonly rules: number
  readonly times: number
}

/** What the thread that asks tells: a change of this kind is over, or all changes of it are. */
type Report =
  | { readonly kind: 'change' }
  | { readonly kind: 'all'; readonly name: string; readonly tookMs: readonly number[] }

/** A turn of the event loop, in milliseconds. */
interface Turn {
  clock: number
  processor: number
  /** By the clock, without the time in which the thread could run and had no processor. */
  running: number
}

type Koffi = {
  load(path: null): { func(definition: string): (...args: readonly unknown[]) => number }
}

const PAUSE_MS = 50
const FLUSH_MS = 3_000
const CLOCK_THREAD_CPUTIME_ID = 3

if (isMainThread) await measure()
else await change(workerData as Task)

async function measure(): Promise<void> {
  const [rules = 10_000, times = 20] = process.argv.slice(2).map(Number)
  const dir = mkdtempSync(join(tmpdir(), 'v4v-apply-'))
  const daemon = await startDaemon({ stateDir: dir, port: 0, logLevel: 'error' })
  const processorMs = await threadTime()
  const waitedMs = threadWait()
  const note = (at: Turn): void => {
    at.clock = performance.now()
    at.processor = processorMs()
    at.running = at.clock - waitedMs()
  }
  let longest: Turn = { clock: 0, processor: 0, running: 0 }
  // Two, in turn: what the probe leaves behind would have to be collected, in the daemon's turns.
  let now: Turn = { clock: 0, processor: 0, running: 0 }
  let last: Turn = { ...now }
  note(last)
  let isTurning = true
  const turn = (): void => {
    note(now)
    longest.clock = Math.max(longest.clock, now.clock - last.clock)
    longest.processor = Math.max(longest.processor, now.processor - last.processor)
    longest.running = Math.max(longest.running, now.running - last.running)
    const before = last
    last = now
    now = before
    if (isTurning) setImmediate(turn)
  }
  turn()
  let turns: Turn[] = []
  const noteChange = (): void => {
    turns.push(longest)
    longest = { clock: 0, processor: 0, running: 0 }
  }
  const said = (): string => {
    const of = (key: keyof Turn): string => {
      const sorted = turns.map(each => each[key]).toSorted((a, b) => a - b)
      return `${at(sorted, 0.5).toFixed(1)} / ${at(sorted, 1).toFixed(1)}`
    }
    const text = `longest turn, median / worst: ${of('clock')} ms, of the processor ${of('processor')} ms, without waiting for one ${of('running')} ms`
    turns = []
    return text
  }
  const token = readFileSync(daemon.adminTokenPath, 'utf8').trim()
  const task: Task = { url: daemon.url, token, rules, times }
  const worker = new Worker(new URL(import.meta.url), { workerData: task })
  worker.on('message', (report: Report) => {
    if (report.kind === 'change') {
      noteChange()
      return
    }
    const { name, tookMs } = report
    const sorted = tookMs.toSorted((a, b) => a - b)
    const took = `p50 ${at(sorted, 0.5).toFixed(1)} ms, p99 ${at(sorted, 0.99).toFixed(1)} ms`
    console.log(`${name}: ${took}; ${said()}`)
  })
  await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))

  noteChange()
  turns = []
  const hitting = setInterval(() => {
    const { hypervisor } = daemon
    const { list } = hypervisor.policy
    for (let i = 0; i < list.length; i++) hypervisor.ruleCounter(list.idAt(i)).hits++
    noteChange()
  }, 1_000)
  await new Promise(resolve => setTimeout(resolve, FLUSH_MS))
  clearInterval(hitting)
  noteChange()
  console.log(`saving ${rules} counters each second: ${said()}`)
  isTurning = false
  await daemon.close()
  rmSync(dir, { recursive: true })
}

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.ceil(sorted.length * part) - 1] ?? NaN
}

/** What the processor has done for this thread, in milliseconds; Node 20 knows it by process only. */
async function threadTime(): Promise<() => number> {
  const { default: koffi } = (await import('koffi')) as unknown as { default: Koffi }
  const gettime = koffi.load(null).func('int clock_gettime(int clock, void *time)')
  const time = new BigInt64Array(2)
  return () => {
    gettime(CLOCK_THREAD_CPUTIME_ID, time)
    return Number(time[0]) * 1e3 + Number(time[1]) / 1e6
  }
}

/** How long this thread could have run and had no processor, in milliseconds. */
function threadWait(): () => number {
  const file = openSync('/proc/thread-self/schedstat', 'r')
  const bytes = Buffer.alloc(128)
  return () => {
    const length = readSync(file, bytes, 0, bytes.length, 0)
    let ns = 0
    for (let i = bytes.indexOf(0x20) + 1; i < length && bytes[i] !== 0x20; i++) {
      ns = ns * 10 + bytes[i]! - 0x30
    }
    return ns / 1e6
  }
}

async function change({ url, token, rules, times }: Task): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  for (const { title, at } of policyRequests(rules)) {
    const tookMs: number[] = []
    for (let number = 0; number < times; number++) {
      const { method, path, body = null } = at(number)
      const startedAt = performance.now()
      const response = await fetch(`${url}${path}`, { method, headers, body })
      if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
      await response.arrayBuffer()
      tookMs.push(performance.now() - startedAt)
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
      parentPort?.postMessage({ kind: 'change' } satisfies Report)
    }
    parentPort?.postMessage({ kind: 'all', name: title, tookMs } satisfies Report)
  }
}
