import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Limits } from '../../src/abi/limits.js'
import type { Door } from '../protocol.js'
import type { Actor, Crew } from './crew.js'
import type { DaemonCommands, DaemonPlace } from './actors/daemon.js'

/** Requests under way at a time. */
const REQUESTS = 16

/** A v4vd daemon in a process of its own, seen from the harness. */
export class BenchDaemon {
  readonly actor: Actor<DaemonCommands>
  readonly #place: DaemonPlace
  /** The admin's. */
  readonly token: string

  private constructor(actor: Actor<DaemonCommands>, place: DaemonPlace) {
    this.actor = actor
    this.#place = place
    this.token = readFileSync(place.adminTokenPath, 'utf8').trim()
  }

  /**
   * Starts one.
   * @param name apart from those of other daemons of the scenario.
   * @param policy the document it starts with.
   */
  static async start(
    crew: Crew,
    name: string,
    policy: string,
    options: { readonly limits?: Partial<Limits>; readonly execArgv?: readonly string[] } = {},
  ): Promise<BenchDaemon> {
    const actor = crew.actor<DaemonCommands>('daemon', options.execArgv)
    const { limits } = options
    const place = await actor.call('start', { dir: join(crew.dir, name), policy, limits })
    return new BenchDaemon(actor, place)
  }

  get url(): string {
    return this.#place.url
  }

  /** The door of a domain that needs no token. */
  door(domain: string): Door {
    return { url: `unix:${join(this.#place.stateDir, 'domains', `${domain}.sock`)}` }
  }

  async addDomains(names: readonly string[], tags: readonly string[] = []): Promise<void> {
    const left = [...names]
    const addOneByOne = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        await this.post('/v1/domains', { name, tags })
      }
    }
    await Promise.all(Array.from({ length: REQUESTS }, addOneByOne))
  }

  async post(path: string, body: unknown): Promise<unknown> {
    const response = await this.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return response.json()
  }

  /** Puts other rules in force. @param rules such as `web:* -> db:5000`, all accepting. */
  async replacePolicy(rules: readonly string[]): Promise<void> {
    await this.request('/v1/policy', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ documents: [{ name: '00-bench.yaml', text: policyText(rules) }] }),
    })
  }

  /** @throws Error with what the daemon said, when it refuses. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${this.token}`)
    const response = await fetch(`${this.url}${path}`, { ...init, headers })
    if (response.ok) return response
    throw new Error(`${path}: ${response.status} ${await response.text()}`)
  }
}

/**
 * A policy with rules for other domains in front of those that matter.
 * @param before how many.
 * @param rules such as `web:* -> db:5000`.
 */
export function policyOf(before: number, rules: readonly string[]): string {
  return policyText(rulesOf(before, rules))
}

/** The rules of such a policy. */
export function rulesOf(before: number, rules: readonly string[]): string[] {
  return [...Array.from({ length: before }, (_, i) => `other-${i}:* -> sink:5000`), ...rules]
}

function policyText(rules: readonly string[]): string {
  return `rules:\n${rules.map(rule => `  - accept: '${rule}'\n`).join('')}`
}
