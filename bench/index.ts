import { readOptions, USAGE, type Options } from './options.js'
import { writeCharts } from './charts.js'
import { resultLine, writeReport } from './report.js'
import { describeRun, newestResults, writeResults, type TrialResult } from './results.js'
import { missingFor, missingForSharing } from './peers.js'
import { runGroup } from './run-group.js'
import { runScenario, scenarios } from './scenarios/index.js'
import { scenarioLines } from './scenarios/report.js'
import type { ScenarioResult } from './scenarios/result.js'
import { groupsOf, isInQuickRun, SYSTEMS, trials, type System } from './trials.js'

const EXIT_FAILED = 1
const EXIT_USAGE = 2

// Leaving ends the processes of the trial that is under way: see child.ts.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.once('SIGHUP', () => process.exit(129))

let options: Options
try {
  options = readOptions(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
  process.exit(EXIT_USAGE)
}
const { only, quick, peers } = options.parameters
const asked = trials().filter(
  trial =>
    options.only.test(trial.name) &&
    (peers || trial.system.peer === undefined) &&
    (!quick || only !== undefined || isInQuickRun(trial)),
)
const askedScenarios = scenarios().filter(
  ({ name, isLong }) => options.only.test(name) && (!quick || only !== undefined || !isLong),
)
if (options.task === 'help') process.stdout.write(USAGE)
else if (options.task === 'list') {
  for (const { name } of [...asked, ...askedScenarios]) console.log(name)
} else if (options.task === 'report') report()
else await run()

async function run(): Promise<void> {
  if (asked.length + askedScenarios.length === 0) {
    process.stderr.write('no trial has such a name; --list prints the names of all\n')
    process.exit(EXIT_USAGE)
  }
  const { parameters, profileDir } = options
  const { seconds, repeats, warmUpSeconds } = parameters
  const skipped = skipMissing()
  const found = asked.filter(({ system }) => !(system.name in skipped))
  const windows = `${warmUpSeconds} s and ${repeats} x ${seconds} s`
  console.log(`${found.length} trials, each ${windows}, and ${askedScenarios.length} scenarios`)
  const description = describeRun(parameters)
  const results: TrialResult[] = []
  for (const group of groupsOf(found)) {
    const groupResults = await runGroup(group, parameters, profileDir, note)
    for (const [index, result] of groupResults.entries()) {
      const progress = `[${results.push(result)}/${found.length}]`
      console.log(`${progress.padEnd(9)} ${group[index]!.name.padEnd(38)} ${resultLine(result)}`)
    }
  }
  const scenarioResults = await runScenarios()
  const path = writeResults({
    ...description,
    skipped,
    trials: results,
    scenarios: scenarioResults,
  })
  console.log(`kept in ${path}, after ${Math.round(performance.now() / 1000)} s`)
  const all = [...results, ...scenarioResults]
  const failed = all.filter(({ failure }) => failure !== undefined)
  if (failed.length === 0) return
  process.stderr.write(`${failed.length} of ${all.length} trials FAILED\n`)
  process.exitCode = EXIT_FAILED
}

async function runScenarios(): Promise<ScenarioResult[]> {
  const { parameters, profileDir } = options
  const { quick, peers } = parameters
  const results: ScenarioResult[] = []
  for (const scenario of askedScenarios) {
    const startedMs = performance.now()
    const result = await runScenario(scenario, { quick, peers, profileDir, note })
    results.push(result)
    const seconds = Math.round((performance.now() - startedMs) / 1000)
    console.log(`${scenario.name}, ${seconds} s`)
    for (const line of scenarioLines(result)) console.log(`  ${line}`)
  }
  return results
}

/** Says how far it is, on a terminal only: it is written over by the line that comes next. */
function note(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K  ${line}\r`)
}

/** Says which of the systems asked for can't be measured here. @returns why not, by name. */
function skipMissing(): Record<string, string> {
  const skipped: Record<string, string> = {}
  for (const system of SYSTEMS) {
    const { name } = system
    const missing = asked.some(trial => trial.system === system) ? missingOf(system) : undefined
    if (missing === undefined) continue
    skipped[name] = missing
    console.log(`${name} is left out: it ${missing}`)
  }
  return skipped
}

function missingOf({ peer, sharedMemory, polling }: System): string | undefined {
  if (peer !== undefined) return missingFor(peer)
  return sharedMemory === 'require' || polling === 'auto' ? missingForSharing() : undefined
}

function report(): void {
  const results = newestResults()
  if (results === undefined) {
    process.stderr.write('there are no results of all trials yet; "npm run bench" makes some\n')
    process.exitCode = EXIT_FAILED
    return
  }
  const charts = writeCharts(results)
  console.log(`written to ${writeReport(results, charts)}`)
}
