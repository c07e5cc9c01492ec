import { statfs } from 'node:fs/promises'
import { AdminClient, adminUrl, reach } from './admin-client.js'
import type { DaemonOptions } from './command.js'
import { readDaemonFile, stateDirOf } from './daemon-place.js'
import { errorText, EXIT, failed, Failure } from './fail.js'
import { byteCount, time } from './output.js'
import type { Ready, RingList, TokenInfo, TokenList } from './rest.js'
import type { RevisionList } from './rest-policy.js'

/** States as Nagios counts them: the place of one here is its exit code. */
export const HEALTH_STATUSES = ['ok', 'warning', 'critical', 'unknown'] as const
export type HealthStatus = (typeof HEALTH_STATUSES)[number]

/** What was measured for a check, and from where on it is a warning or critical. */
export interface HealthValue {
  readonly name: string
  readonly value: number
  readonly unit: 'bytes' | 'percent' | 'count'
  /** In the words of Nagios: `90` is for more than 90, `90:` for less. */
  readonly warning?: string
  readonly critical?: string
}

/** One thing that was looked at. */
export interface HealthCheck {
  readonly name: string
  readonly status: HealthStatus
  readonly message: string
  readonly measured?: HealthValue
}

/** How long a daemon that is well may take to say so. */
export const ANSWER_MS_MAX = 10_000
/** The store needs room for its write-ahead logs, and an admin some time to make room. */
const DISK_FREE_WARNING_BYTES = 256 * 1024 * 1024
const DISK_FREE_CRITICAL_BYTES = 32 * 1024 * 1024
const RING_USED_WARNING_PERCENT = 90
const DAY_MS = 86_400_000
/** A token that is for less than four times as long is due when a quarter of its time is left. */
const TOKEN_LEFT_MS = 7 * DAY_MS

/** Looks at everything about a daemon that can be known; what can't be looked at is `unknown`. */
export async function healthOf(options: DaemonOptions): Promise<HealthCheck[]> {
  let base: URL
  try {
    base = await adminUrl(options)
    const { ok, status } = await reach(new URL('/livez', base), {
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    })
    if (!ok) throw failed(`${base.origin} answered /livez with ${status}`, 'is it a v4v daemon?')
  } catch (error) {
    const isUsage = error instanceof Failure && error.exitCode === EXIT.usage
    const status = isUsage ? 'unknown' : 'critical'
    return [{ name: 'daemon', status, message: errorText(error) }]
  }
  const checks: HealthCheck[] = [
    { name: 'daemon', status: 'ok', message: `answers at ${base.origin}` },
  ]
  checks.push(...(await looked('ready', () => readiness(base))))
  checks.push(...(await looked('disk', () => disk(options, base))))
  let client: AdminClient
  try {
    client = await AdminClient.open(options)
  } catch (error) {
    return [...checks, { name: 'admin', status: 'unknown', message: errorText(error) }]
  }
  checks.push(...(await looked('revision', () => revision(client))))
  checks.push(...(await looked('rings', () => rings(client))))
  checks.push(...(await looked('tokens', () => tokens(client))))
  return checks
}

/** The worst of all; that something is not known matters less than that something is wrong. */
export function worst(checks: readonly HealthCheck[]): HealthStatus {
  const order: readonly HealthStatus[] = ['critical', 'warning', 'unknown']
  return order.find(status => checks.some(check => check.status === status)) ?? 'ok'
}

/**
 * Whether a token should be replaced: it ends within 7 days and is in the last quarter of its time.
 * One that has ended or was revoked is nobody's worry any more.
 * @param now milliseconds since the epoch.
 */
export function isDue(
  { createdAt, expiresAt, revokedAt }: Pick<TokenInfo, 'createdAt' | 'expiresAt' | 'revokedAt'>,
  now: number,
): boolean {
  if (expiresAt === null || revokedAt !== null || expiresAt <= now) return false
  return expiresAt - now < Math.min(TOKEN_LEFT_MS, (expiresAt - createdAt) / 4)
}

async function looked(name: string, look: () => Promise<HealthCheck[]>): Promise<HealthCheck[]> {
  try {
    return await look()
  } catch (error) {
    return [{ name, status: 'unknown', message: errorText(error) }]
  }
}

async function readiness(base: URL): Promise<HealthCheck[]> {
  const url = new URL('/readyz?verbose', base)
  const response = await reach(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
  const { status, checks = [] } = (await response.json()) as Ready
  const wrong = status === 'degraded' ? 'warning' : 'critical'
  return checks.map(({ name, ok, message }) => ({ name, status: ok ? 'ok' : wrong, message }))
}

/** Of the state folder, when it is that of this daemon. */
async function disk(options: DaemonOptions, base: URL): Promise<HealthCheck[]> {
  const dir = await stateDirOf(options)
  const local = await readDaemonFile(dir)
  if (local === undefined || new URL(local.url).origin !== base.origin) return []
  const { bavail, bsize } = await statfs(dir)
  const free = bavail * bsize
  const status =
    free < DISK_FREE_CRITICAL_BYTES ? 'critical' : free < DISK_FREE_WARNING_BYTES ? 'warning' : 'ok'
  const measured: HealthValue = {
    name: 'disk_free',
    value: free,
    unit: 'bytes',
    warning: `${DISK_FREE_WARNING_BYTES}:`,
    critical: `${DISK_FREE_CRITICAL_BYTES}:`,
  }
  return [{ name: 'disk', status, message: `${byteCount(free)} free at ${dir}`, measured }]
}

async function revision(client: AdminClient): Promise<HealthCheck[]> {
  const list = await client.get<RevisionList>('/v1/policy/revisions?limit=1')
  const name = 'revision'
  if (list.unconfirmed === null) {
    return [{ name, status: 'ok', message: `revision ${list.revision} waits for nothing` }]
  }
  const { revision: waiting, backTo, deadline } = list.unconfirmed
  const message = `revision ${waiting} waits for "v4v policy confirm" until ${time(deadline)}, else ${backTo} comes back`
  return [{ name, status: 'warning', message }]
}

async function rings(client: AdminClient): Promise<HealthCheck[]> {
  const [fullest] = (await client.get<RingList>('/v1/rings?fullest=1')).rings
  const value = fullest === undefined ? 0 : Math.round((fullest.usedBytes / fullest.length) * 100)
  const message =
    fullest === undefined
      ? 'nobody listens'
      : `the fullest, ${fullest.domain}:${fullest.port}, is ${value}% full`
  const status = value > RING_USED_WARNING_PERCENT ? 'warning' : 'ok'
  const warning = String(RING_USED_WARNING_PERCENT)
  const measured: HealthValue = { name: 'ring_fill', value, unit: 'percent', warning }
  return [{ name: 'rings', status, message, measured }]
}

async function tokens(client: AdminClient): Promise<HealthCheck[]> {
  const now = Date.now()
  const { tokens: ending } = await client.get<TokenList>(`/v1/tokens?ending=${TOKEN_LEFT_MS}ms`)
  const due = ending
    .filter(each => isDue(each, now))
    .map(
      ({ id, domain, expiresAt }) =>
        `token ${id} of ${domain ?? 'an admin'} ends ${time(expiresAt)}`,
    )
  const measured: HealthValue = {
    name: 'tokens_due',
    value: due.length,
    unit: 'count',
    warning: '0',
  }
  const [first, ...others] = due
  if (first === undefined) {
    return [{ name: 'tokens', status: 'ok', message: 'none ends soon', measured }]
  }
  const message = others.length === 0 ? first : `${first}, and ${others.length} more end soon`
  return [{ name: 'tokens', status: 'warning', message, measured }]
}
