import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cost, Fail } from './part.js'

const NS_PER_MS = 1e6
const PAGE_BYTES = 4096
const POLL_MS = 10
const START_MS_MAX = 10_000

/** A server in a process of its own, which ends with this one. */
export interface Server {
  /** What it took so far. */
  cost(): Cost
}

/**
 * Starts a server and waits until it can be reached.
 * @param isUp asked again and again; what it throws counts as no.
 * @param fail told when the server ends by itself, with what it printed last.
 */
export async function startServer(
  command: string,
  args: readonly string[],
  isUp: () => boolean,
  fail: Fail,
): Promise<Server> {
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  process.on('exit', () => server.kill('SIGKILL'))
  let lastPrinted = ''
  const keep = (chunk: Buffer): void => {
    lastPrinted = (lastPrinted + chunk.toString()).slice(-1000)
  }
  server.stdout.on('data', keep)
  server.stderr.on('data', keep)
  server.on('error', error => fail(`${command} does not start: ${error.message}`))
  server.on('exit', code => fail(`${command} ended with exit code ${code}: ${lastPrinted}`))
  const sinceMs = performance.now()
  while (!succeeds(isUp)) {
    if (performance.now() - sinceMs > START_MS_MAX) {
      throw new Error(`${command} can't be reached ${START_MS_MAX / 1000} s after its start`)
    }
    await sleep(POLL_MS)
  }
  return { cost: () => costOf(server.pid!) }
}

/** From /proc: the time that its threads ran, and its resident pages. */
function costOf(pid: number): Cost {
  let cpuNs = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    cpuNs += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  }
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  return { cpuMs: cpuNs / NS_PER_MS, rssBytes: pages * PAGE_BYTES }
}

function succeeds(isUp: () => boolean): boolean {
  try {
    return isUp()
  } catch {
    return false
  }
}
