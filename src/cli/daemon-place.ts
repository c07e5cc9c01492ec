import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DaemonOptions } from './command.js'
import type { Context } from './context.js'
import { Contexts } from './contexts.js'
import { parseDaemonUrl, URL_FORMS } from './daemon-url.js'
import { errorCode, failed, usage } from './fail.js'

/** What a running daemon says of itself in `daemon.json`. */
export interface RunningDaemon {
  readonly url: string
  readonly socket: string
  readonly pid: number
}

const READ_ATTEMPTS = 5
const READ_AGAIN_MS = 50

/** Where a command was told that its daemon is; nothing of it for the local one. */
export interface Place {
  /** What told it. */
  readonly by: 'option' | 'environment' | 'context' | 'nothing'
  readonly url?: URL
  /** The state folder of a daemon on this machine. */
  readonly state?: string
  /** A Unix socket that is for datagrams only. */
  readonly socket?: string
  /** A file with the admin token for this place, and for no other. */
  readonly tokenFile?: string
}

/**
 * Finds the place that a command means: by its options, `--context` among them; else by `$V4V_URL`
 * and `$V4V_STATE`; else by the context that was chosen; else the local daemon.
 * @throws Failure for a URL that is none, and for a context that is not there or can't be read.
 */
export async function placeOf(
  options: DaemonOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Place> {
  const { url, context } = options
  const state = options.state || undefined
  const { V4V_URL: urlAround, V4V_STATE: stateAround } = env
  if (context !== undefined) {
    if (url !== undefined || state !== undefined) {
      throw usage('--context says where the daemon is', 'leave out --url and --state, or it')
    }
    return placeOfContext(await new Contexts(env).read(context))
  }
  if (url !== undefined || state !== undefined) {
    return { by: 'option', ...given(url, state ?? stateAround) }
  }
  if (urlAround || stateAround)
    return { by: 'environment', ...given(urlAround || undefined, stateAround) }
  const chosen = await new Contexts(env).chosen()
  return chosen === undefined ? { by: 'nothing' } : placeOfContext(chosen)
}

/** The state folder that a command means. */
export async function stateDirOf(options: DaemonOptions): Promise<string> {
  const { state } = await placeOf(options)
  if (state !== undefined) return state
  const { defaultStateDir } = await import('../config.js')
  return defaultStateDir()
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
    'start one with "v4v serve", or name another with --url, --state or --context',
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

function given(url: string | undefined, state: string | undefined): Pick<Place, 'url' | 'state'> {
  return { ...(url !== undefined && { url: checkedUrl(url) }), ...(state && { state }) }
}

function placeOfContext({ url, state, socket, tokenFile }: Context): Place {
  const place = {
    by: 'context',
    ...(state !== undefined && { state }),
    ...(tokenFile !== undefined && { tokenFile }),
  } as const
  if (url !== undefined) {
    return { ...place, url: checkedUrl(url), ...(socket !== undefined && { socket }) }
  }
  return socket === undefined ? place : { ...place, url: pathToUnixUrl(socket) }
}

function pathToUnixUrl(path: string): URL {
  return new URL(`unix:${path.split('/').map(encodeURIComponent).join('/')}`)
}

function checkedUrl(text: string): URL {
  const url = parseDaemonUrl(text)
  if (url !== undefined) return url
  throw usage(`${JSON.stringify(text)} is not the URL of a daemon`, `write it as ${URL_FORMS}`)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
