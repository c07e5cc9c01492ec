import type { Command } from 'commander'
import { resolveConfig } from '../../config.js'
import { command, group, withOutput, type OutputOptions } from '../command.js'
import { errorText, usage } from '../fail.js'
import { column, printData, printRows, type Column } from '../output.js'

interface Setting {
  readonly name: string
  readonly value: string
  readonly origin: string
}

/** `v4v config`: what a daemon would run with. */
export function configCommand(): Command {
  return group(
    'config',
    'show the configuration a daemon would start with',
    ['v4v config print --origin'],
    [print()],
  )
}

function print(): Command {
  return withOutput(command('print', 'print every setting', ['v4v config print --origin']))
    .option('--state <dir>', 'state folder (else $V4V_STATE, else the default)')
    .option('--origin', 'also say where each value comes from')
    .action((options: OutputOptions & { state?: string; origin?: true }) => {
      const settings = readSettings(options.state)
      if (options.output !== 'table') {
        printData(options.output, settings)
        return
      }
      const columns: Column<Setting>[] = [
        column('SETTING', s => s.name),
        column('VALUE', s => s.value),
      ]
      if (options.origin) columns.push(column('ORIGIN', s => s.origin))
      printRows('table', settings, columns, 'there are no settings')
    })
}

function readSettings(stateDir: string | undefined): Setting[] {
  try {
    const { config, origins } = resolveConfig({ stateDir })
    const { limits, ...rest } = config
    const values = Object.entries({
      ...rest,
      ...Object.fromEntries(
        Object.entries(limits).map(([name, value]) => [`limits.${name}`, value]),
      ),
    })
    return values.map(([name, value]) => ({
      name,
      value: String(value ?? '-'),
      origin: origins.get(name) ?? 'default',
    }))
  } catch (error) {
    throw usage(errorText(error))
  }
}
