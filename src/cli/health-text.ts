import { HEALTH_STATUSES, worst, type HealthCheck, type HealthValue } from './health.js'
import { printable, printableJson } from './printable.js'

const units = { bytes: 'B', percent: '%', count: '' } as const
const metricUnits = { bytes: '_bytes', percent: '_percent', count: '' } as const

/** How `v4v check` says what it saw to a program. */
export const healthFormats = { json, nagios, prometheus } as const

/** The exit code of the worst of all, as Nagios has it: 0 ok, 1 warning, 2 critical, 3 unknown. */
export function healthExitCode(checks: readonly HealthCheck[]): number {
  return HEALTH_STATUSES.indexOf(worst(checks))
}

function json(checks: readonly HealthCheck[]): string {
  return printableJson({ status: worst(checks), checks }, 2)
}

/** One line with what was measured behind a bar, then a line for each check. */
function nagios(checks: readonly HealthCheck[]): string {
  const status = worst(checks)
  const wrong = checks.filter(check => check.status !== 'ok')
  const what =
    wrong.length === 0
      ? `${checks.length} checks`
      : wrong.map(({ name, message }) => `${name}: ${message}`).join('; ')
  const measured = measurements(checks).map(performance).join(' ')
  const first = `V4V ${status.toUpperCase()} - ${barless(what)}`
  return [
    measured === '' ? first : `${first} | ${measured}`,
    ...checks.map(check => barless(`${check.status}: ${check.name}: ${check.message}`)),
  ].join('\n')
}

/** For the textfile collector of Prometheus' node exporter. */
function prometheus(checks: readonly HealthCheck[]): string {
  const lines = [
    '# HELP v4v_check_status 0 ok, 1 warning, 2 critical, 3 unknown',
    '# TYPE v4v_check_status gauge',
  ]
  for (const { name, status } of checks) {
    const label = name.replace(/["\\]/g, character => `\\${character}`)
    lines.push(`v4v_check_status{check="${printable(label)}"} ${HEALTH_STATUSES.indexOf(status)}`)
  }
  for (const { name, value, unit } of measurements(checks)) {
    const metric = `v4v_check_${name}${metricUnits[unit]}`
    lines.push(`# TYPE ${metric} gauge`, `${metric} ${value}`)
  }
  return lines.join('\n')
}

function measurements(checks: readonly HealthCheck[]): HealthValue[] {
  return checks.flatMap(({ measured }) => (measured === undefined ? [] : [measured]))
}

function performance({ name, value, unit, warning = '', critical = '' }: HealthValue): string {
  return `${name}=${value}${units[unit]};${warning};${critical}`.replace(/;+$/, '')
}

/** A bar in a message would end it. */
function barless(text: string): string {
  return printable(text.replaceAll('|', '/'))
}
