import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { defaultLimits, type Limits } from './abi/limits.js'

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Longer than this wakes nobody sooner than sleeping would. */
const POLLING_US_MAX = 10_000

/** Everything a daemon can be told. */
export interface Config {
  /** Folder of the database, the admin token and the sockets. */
  readonly stateDir: string
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Folder of policy documents that are loaded at the first start; none: reject all. */
  readonly policyDir: string | undefined
  readonly logLevel: LogLevel
  /** Whether clients on this machine may exchange frames by memory shared with the daemon. */
  readonly sharedMemory: boolean
  /** How many microseconds to look for more after something came, before sleeping. */
  readonly polling: 'auto' | 'off' | number
  readonly limits: Limits
}

/** The values that are given rather than defaults. */
export type ConfigInput = {
  readonly [K in Exclude<keyof Config, 'limits'>]?: Config[K] | undefined
} & { readonly limits?: Partial<Limits> | undefined }

/** Where a value came from. */
export type Origin = 'default' | 'file' | 'environment' | 'flag'

/** A value of the configuration that can't be used: the message says which, where and why. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** The file in the state folder that holds what is not given otherwise. */
export const CONFIG_FILE = 'v4vd.yaml'

/** Where a daemon keeps its state when nobody says otherwise. */
export function defaultStateDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.V4V_STATE) return env.V4V_STATE
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'v4v')
}

/**
 * Reads `127.0.0.1:8484`, `[::1]:8484` or `:8484`.
 * @throws ConfigError
 */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new ConfigError(
      `listen is HOST:PORT, such as 127.0.0.1:8484, not ${JSON.stringify(text)}`,
    )
  }
  return { host: match[1] ?? (match[2] || '127.0.0.1'), port }
}

type Values = Record<string, unknown>

/**
 * Puts a configuration together: defaults, then `v4vd.yaml` in the state folder, then `V4V_*` in
 * the environment, then what is given. Every value is checked, wherever it came from.
 * @throws ConfigError
 */
export function resolveConfig(
  input: ConfigInput = {},
  env: NodeJS.ProcessEnv = process.env,
): { config: Config; origins: ReadonlyMap<string, Origin> } {
  const stateDir = input.stateDir ?? defaultStateDir(env)
  const values: Values = {
    host: '127.0.0.1',
    port: 8484,
    policyDir: undefined,
    logLevel: 'info',
    sharedMemory: true,
    polling: 'auto',
    ...prefixed(defaultLimits),
  }
  const origins = new Map<string, Origin>(Object.keys(values).map(key => [key, 'default']))
  const apply = (origin: Origin, where: string, given: Values): void => {
    for (const [key, value] of Object.entries(given)) {
      if (value === undefined) continue
      if (!origins.has(key)) throw new ConfigError(`${where}: there is no setting "${key}"`)
      values[key] = checked(key, value, where)
      origins.set(key, origin)
    }
  }
  apply('file', join(stateDir, CONFIG_FILE), readFile(join(stateDir, CONFIG_FILE)))
  apply('environment', 'the environment', readEnvironment(env))
  const { limits, stateDir: _, ...rest } = input
  apply('flag', 'the command line', { ...rest, ...prefixed(limits ?? {}) })

  const limitsOf = (): Limits =>
    Object.fromEntries(
      Object.keys(defaultLimits).map(key => [key, values[`limits.${key}`]]),
    ) as unknown as Limits
  const stateOrigin =
    input.stateDir !== undefined ? 'flag' : env.V4V_STATE ? 'environment' : 'default'
  return {
    config: {
      stateDir,
      host: values.host as string,
      port: values.port as number,
      policyDir: values.policyDir as string | undefined,
      logLevel: values.logLevel as LogLevel,
      sharedMemory: values.sharedMemory as boolean,
      polling: values.polling as Config['polling'],
      limits: limitsOf(),
    },
    origins: new Map<string, Origin>([['stateDir', stateOrigin], ...origins]),
  }
}

function prefixed(limits: Partial<Limits>): Values {
  return Object.fromEntries(Object.entries(limits).map(([key, value]) => [`limits.${key}`, value]))
}

function readFile(path: string): Values {
  if (!existsSync(path)) return {}
  let content: unknown
  try {
    content = parse(readFileSync(path, 'utf8'), { maxAliasCount: 0 })
  } catch (error) {
    throw new ConfigError(`${path} can not be read: ${(error as Error).message}`)
  }
  if (content === null) return {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new ConfigError(`${path} is a mapping of settings, such as "port: 8484"`)
  }
  const { listen, limits, ...rest } = content as Values
  if (limits !== undefined && (typeof limits !== 'object' || limits === null)) {
    throw new ConfigError(`${path}: limits is a mapping, such as "limits: { sessionsMax: 100 }"`)
  }
  if (listen !== undefined && typeof listen !== 'string') {
    throw new ConfigError(`${path}: listen is a text, such as "127.0.0.1:8484"`)
  }
  const listening = listen === undefined ? {} : parseListen(listen)
  return { ...rest, ...listening, ...prefixed((limits ?? {}) as Partial<Limits>) }
}

function readEnvironment(env: NodeJS.ProcessEnv): Values {
  return {
    ...(env.V4V_LISTEN ? parseListen(env.V4V_LISTEN) : {}),
    policyDir: env.V4V_POLICY || undefined,
    logLevel: env.V4V_LOG_LEVEL || undefined,
  }
}

function checked(key: string, value: unknown, where: string): unknown {
  const refuse = (expected: string): never => {
    throw new ConfigError(`${where}: ${key} is ${expected}, not ${JSON.stringify(value)}`)
  }
  if (key === 'host' || key === 'policyDir') {
    return typeof value === 'string' && value !== '' ? value : refuse('a text')
  }
  if (key === 'logLevel') {
    return (LOG_LEVELS as readonly unknown[]).includes(value)
      ? value
      : refuse(`one of ${LOG_LEVELS.join(', ')}`)
  }
  if (key === 'sharedMemory') {
    return typeof value === 'boolean' ? value : refuse('true or false')
  }
  if (key === 'polling') {
    if (value === 'auto' || value === 'off') return value
    return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= POLLING_US_MAX
      ? value
      : refuse(`"auto", "off" or microseconds up to ${POLLING_US_MAX}`)
  }
  const max = key === 'port' ? 65_535 : 2 ** 40
  const min = key === 'port' || key === 'limits.flowHistoryBytesMax' ? 0 : 1
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
    ? value
    : refuse(`a whole number from ${min} to ${max}`)
}
