import { readOptions, USAGE, type Options } from './options.js'
import { resultLine, writeReport } from './report.js'
import { describeRun, newestResults, writeResults, type TrialResult } from './results.js'
import { runTrial } from './run-trial.js'
import { trials } from './trials.js'

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
const asked = trials().filter(trial => options.only.test(trial.name))
if (options.task === 'help') process.stdout.write(USAGE)
else if (options.task === 'list') for (const trial of asked) console.log(trial.name)
else if (options.task === 'report') report()
else await run()

async function run(): Promise<void> {
  if (asked.length === 0) {
    process.stderr.write('no trial has such a name; --list prints the names of all\n')
    process.exit(EXIT_USAGE)
  }
  const { parameters, profileDir } = options
  const { seconds, repeats, warmUpSeconds } = parameters
  console.log(`${asked.length} trials, each ${warmUpSeconds} s and ${repeats} x ${seconds} s`)
  const description = describeRun(parameters)
  const results: TrialResult[] = []
  for (const trial of asked) {
    const result = await runTrial(trial, parameters, profileDir)
    results.push(result)
    console.log(`${trial.name.padEnd(40)} ${resultLine(result)}`)
  }
  const path = writeResults({ ...description, trials: results })
  console.log(`kept in ${path}`)
  const failed = results.filter(({ failure }) => failure !== undefined)
  if (failed.length === 0) return
  process.stderr.write(`${failed.length} of ${results.length} trials FAILED\n`)
  process.exitCode = EXIT_FAILED
}

function report(): void {
  const results = newestResults()
  if (results === undefined) {
    process.stderr.write('there are no results of all trials yet; "npm run bench" makes some\n')
    process.exitCode = EXIT_FAILED
    return
  }
  console.log(`written to ${writeReport(results)}`)
}
