import { setTimeout as sleep } from 'node:timers/promises'
import { Option, type Command } from 'commander'
import { AdminClient } from '../admin-client.js'
import { adminCommand, type DaemonOptions, type OutputOptions } from '../command.js'
import { note, printRecord } from '../output.js'
import { parseCount, parseDuration } from '../parse.js'
import type { RingList, Stats } from '../rest.js'
import type { RuleList } from '../rest-policy.js'
import { TrafficRates, type TrafficSample } from '../traffic-rates.js'
import { printTraffic } from '../traffic-text.js'
import { clearScreen } from '../watch.js'

interface TrafficOptions extends DaemonOptions, OutputOptions {
  readonly interval: number
  readonly top?: number
  readonly count?: number
}

const TOP = 10
/** Lines of a screen that are not domains, rules or rings. */
const OTHER_LINES = 18

/** `v4v traffic`: what goes through a daemon, again and again. */
export function trafficCommand(): Command {
  return adminCommand(
    'traffic',
    'watch what goes through the daemon, and what does not, until Ctrl-C',
    ['v4v traffic', 'v4v traffic --interval 5s --top 3', 'v4v traffic --count 1 -o json'],
  )
    .addOption(
      new Option('--interval <time>', 'between two looks, such as 500ms')
        .argParser(parseDuration)
        .default(1000, '1s'),
    )
    .option(
      '--top <n>',
      `how many domains, rules and rings: ${TOP}, or as many as a terminal has room for`,
      parseCount,
    )
    .option('--count <n>', 'end after so many looks', parseCount)
    .addHelpText(
      'after',
      `
All figures are of the time since the look before, for a second. Rings are
those with something in them. What is refused and tried again, such as EAGAIN, counts each time.`,
    )
    .action(traffic)
}

async function traffic(options: TrafficOptions): Promise<void> {
  const { output, interval, count = Infinity } = options
  const isScreen = output === 'table' && process.stdout.isTTY
  const top = options.top ?? (isScreen ? topOf(process.stdout.rows) : TOP)
  const client = await AdminClient.open(options)
  const rates = new TrafficRates(await sampleOf(client, 0, top), top)
  if (isScreen) note('looking ...')
  for (let looks = 0; looks < count;) {
    await sleep(interval)
    const seen = rates.next(await sampleOf(client, rates.at, top))
    if (seen === undefined) continue
    if (output !== 'table') {
      printRecord(output, seen)
    } else {
      if (isScreen) clearScreen()
      printTraffic(seen, !isScreen && looks > 0)
    }
    looks++
  }
}

/** How many of each of three lists a screen of so many lines has room for. */
function topOf(lines: number): number {
  return Math.max(1, Math.min(TOP, Math.floor((lines - OTHER_LINES) / 3)))
}

/** @param since by the daemon's clock: of whom nothing was seen from then on is left out. */
async function sampleOf(client: AdminClient, since: number, top: number): Promise<TrafficSample> {
  const stats = await client.get<Stats>(`/v1/stats?seenSince=${since}`)
  const list = await client.get<RuleList>(`/v1/rules?hitSince=${since}`)
  const { rings } = await client.get<RingList>(`/v1/rings?fullest=${top}`)
  const unmatched = { ...list.default, id: 'default', source: '*:*', destination: '*:*' }
  return { stats, rules: [...list.rules, unmatched], rings }
}
