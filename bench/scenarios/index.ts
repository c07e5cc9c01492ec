import { setTimeout as sleep } from 'node:timers/promises'
import { Crew } from './crew.js'
import { domainsScenario } from './domains.js'
import { flowStatsScenario } from './flow-stats.js'
import { lookupScenario } from './lookup.js'
import type { ScenarioResult } from './result.js'
import { rulesScenario } from './rules.js'
import { slowReceiverScenario } from './slow-receiver.js'
import { failedResult, type RunOptions, type Scenario } from './scenario.js'
import { soakScenario } from './soak.js'
import { stalledViewerScenario } from './stalled-viewer.js'
import { victimScenario } from './victim.js'

/** All scenarios, in the order of the report. */
export function scenarios(): readonly Scenario[] {
  return [
    lookupScenario,
    rulesScenario,
    flowStatsScenario,
    stalledViewerScenario,
    slowReceiverScenario,
    victimScenario,
    soakScenario,
    domainsScenario,
  ]
}

/** Runs a scenario in processes of its own, in bounded time. It leaves nothing behind. */
export async function runScenario(
  scenario: Scenario,
  { quick, peers, profileDir, note }: RunOptions,
): Promise<ScenarioResult> {
  const { name, title, method, columns, secondsMax } = scenario
  const crew = new Crew(profileDir)
  const bounded = new AbortController()
  const late = sleep(secondsMax * 1000, undefined, { signal: bounded.signal }).then(() => {
    throw new Error(`the scenario was not over after ${secondsMax} s`)
  })
  late.catch(() => undefined) // also when it is over in time
  try {
    const findings = await Promise.race([
      scenario.run({ crew, quick, peers, note }),
      crew.failed,
      late,
    ])
    return { name, title, method, columns, ...findings }
  } catch (error) {
    return failedResult(scenario, (error as Error).message)
  } finally {
    bounded.abort()
    await crew.end()
  }
}
