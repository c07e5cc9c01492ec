import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DaemonOptions } from './command.js'
import { errorCode, failed, usage } from './fail.js'

/** What a running daemon says of itself in `daemon.json`. */
export interface RunningDaemon {
  readonly url: string
  readonly socket: string
  readonly pid: number
}

const READ_ATTEMPTS = 5
const READ_AGAIN_MS = 50

/** The state folder that a command means. */
export async function stateDirOf(options: DaemonOptions): Promise<string> {
  if (options.state !== undefined && options.state !== '') return options.state
  const { defaultStateDir } = await import('../config.js')
  return defaultStateDir()
}

/** The URL that was asked for by option or environment, if one was. */
export function askedUrl(options: DaemonOptions): URL | undefined {
  const text = options.url ?? (process.env['V4V_URL'] || undefined)
  if (text === undefined) return undefined
  const url = parseUrl(text)
  if (url !== null && /^(https?|wss?|unix):$/.test(url.protocol)) return url
  throw usage(
    `${JSON.stringify(text)} is not the URL of a daemon`,
    'write it as http://host:8484, ws://host:8484/v1/attach or unix:/path/to/v4v.sock',
  )
}

/**
 * Finds the daemon that runs on this machine with this state folder.
 * @throws Failure when none does.
 */
export async function runningDaemon(options: DaemonOptions): Promise<RunningDaemon> {
  const dir = await stateDirOf(options)
  const daemon = await readDaemonFile(dir)
  if (daemon !== undefined && isAlive(daemon.pid)) return daemon
  throw noDaemon(dir)
}

/** The error of every command that needs a daemon and finds none. */
export function noDaemon(stateDir: string): Error {
  return failed(
    `no daemon runs with the state folder ${stateDir}`,
    'start one with "v4v serve", or name another with --state or --url',
  )
}

/** Reads `daemon.json`, if a daemon has left one that can be read. */
export async function readDaemonFile(dir: string): Promise<RunningDaemon | undefined> {
  const path = join(dir, 'daemon.json')
  // A daemon that starts right now may be in the middle of writing it.
  for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt++) {
    const text = await readText(path)
    if (text === undefined) return undefined
    const { url, socket, pid } = parseObject(text)
    if (typeof url === 'string' && typeof socket === 'string' && typeof pid === 'number') {
      return { url, socket, pid }
    }
    await sleep(READ_AGAIN_MS)
  }
  throw failed(`${path} is damaged`, 'restart the daemon, which writes it anew')
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw failed(`${path} can't be read: ${errorCode(error)}`, 'run as the user the daemon runs as')
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch {
    // told like any other damage
  }
  return {}
}

function parseUrl(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
