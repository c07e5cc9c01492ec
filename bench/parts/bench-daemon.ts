import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDaemon, type Daemon } from '../../src/daemon.js'
import type { Door, Job } from '../protocol.js'
import { DOMAINS, PORT } from './v4vd.js'

/**
 * Starts a daemon for one trial: a new state folder, a policy with as many rules as are asked for
 * in front of the one that matters, and the trial's two domains.
 */
export async function startBenchDaemon(job: Job): Promise<Daemon> {
  const policyDir = join(job.scratchDir, 'policy')
  mkdirSync(policyDir)
  writeFileSync(join(policyDir, '00-bench.yaml'), policyText(job.rules))
  const config = {
    stateDir: join(job.scratchDir, 'state'),
    policyDir,
    port: 0,
    logLevel: 'error',
    polling: job.polling,
  } as const
  const daemon = await startDaemon(config)
  for (const name of Object.values(DOMAINS)) await post(daemon, '/v1/domains', { name })
  return daemon
}

/** Where the client of a domain attaches by the trial's door. */
export async function doorOf(daemon: Daemon, domain: string, door: Job['door']): Promise<Door> {
  if (door === 'unix') return { url: `unix:${join(daemon.stateDir, 'domains', `${domain}.sock`)}` }
  const { text } = (await post(daemon, `/v1/domains/${domain}/tokens`, {})) as { text: string }
  return { url: `${daemon.url.replace(/^http/, 'ws')}/v1/attach`, token: text }
}

function policyText(rulesBefore: number): string {
  const rule = (source: string, destination: string): string =>
    `  - accept: '${source}:* -> ${destination}:${PORT}'\n    replies: true\n`
  const before = Array.from({ length: rulesBefore }, (_, i) => rule(`other-${i}`, DOMAINS.sink))
  return `rules:\n${before.join('')}${rule(DOMAINS.source, DOMAINS.sink)}`
}

async function post(daemon: Daemon, path: string, body: unknown): Promise<unknown> {
  const token = readFileSync(daemon.adminTokenPath, 'utf8').trim()
  const response = await fetch(`${daemon.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}
