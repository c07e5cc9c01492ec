import { Option, type Command } from 'commander'
import { adminUrl, reach } from '../admin-client.js'
import { colour } from '../colour.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { EXIT } from '../fail.js'
import { healthExitCode, healthFormats } from '../health-text.js'
import { ANSWER_MS_MAX, healthOf } from '../health.js'
import { printData, printLine } from '../output.js'
import { printable } from '../printable.js'
import type { Ready } from '../rest.js'

interface Options extends DaemonOptions, OutputOptions {
  readonly format: 'text' | keyof typeof healthFormats
}

const HELP = `
With --format json, nagios or prometheus it also looks at an unconfirmed revision, the disk of a local
state folder, the fullest ring, and the tokens that end soon. The exit code is then as Nagios has it:
0 ok, 1 warning, 2 critical, 3 unknown.`

interface Probe {
  readonly name: string
  readonly ok: boolean
  readonly status: number
  /** Undefined when it is no JSON. */
  readonly answer: Ready | undefined
}

/** `v4v check`: is the daemon well? For people and for container health checks. */
export function checkCommand(): Command {
  return adminCommand(
    'check',
    'ask whether the daemon is alive and ready; exit code 0 when it is',
    [
      'v4v check',
      'v4v check --url http://127.0.0.1:8484 && echo well',
      'v4v check --format nagios',
    ],
  )
    .addOption(
      new Option('--format <format>', 'look at more, and say it to a program')
        .choices(['text', ...Object.keys(healthFormats)])
        .default('text')
        .conflicts('output'),
    )
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      if (options.format === 'text') {
        await checkReady(options)
        return
      }
      const checks = await healthOf(options)
      printLine(healthFormats[options.format](checks))
      process.exitCode = healthExitCode(checks)
    })
}

async function checkReady(options: Options): Promise<void> {
  const base = await adminUrl(options)
  const probes = [await probe('alive', new URL('/livez', base))]
  probes.push(await probe('ready', new URL('/readyz?verbose', base)))
  if (options.output !== 'table') printData(options.output, probes)
  else for (const line of probes.flatMap(lines)) printLine(line)
  if (!probes.every(({ ok }) => ok)) process.exitCode = EXIT.failed
}

async function probe(name: string, url: URL): Promise<Probe> {
  const response = await reach(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })
  const text = await response.text()
  return { name, ok: response.ok, status: response.status, answer: parsed(text) }
}

function lines({ name, ok, answer }: Probe): string[] {
  const checks = answer?.checks ?? []
  return [
    `${mark(ok)}  ${name}`,
    ...checks.map(
      check => `        ${mark(check.ok)}  ${printable(`${check.name}: ${check.message}`)}`,
    ),
  ]
}

function mark(ok: boolean): string {
  return ok ? colour('green', 'ok    ') : colour('red', 'failed')
}

function parsed(text: string): Ready | undefined {
  try {
    return JSON.parse(text) as Ready
  } catch {
    return undefined
  }
}
