import t from 'tap'
import { scenarioLines, scenariosMarkdown } from '../../../bench/scenarios/report.js'
import type { ScenarioResult } from '../../../bench/scenarios/result.js'

const result: ScenarioResult = {
  name: 'scenario/some',
  title: 'Some',
  method: 'How.',
  columns: [
    { key: 'rate', title: 'datagrams/s' },
    { key: 'us', title: 'us' },
  ],
  rows: [
    { label: 'a', figures: { rate: 1_234_567.8, us: 0.012345 } },
    { label: 'b', figures: { rate: 12 }, note: 'slow' },
  ],
  targets: [
    { text: 'Cost', value: 4.9, unit: '%', bound: 5, side: 'at most' },
    { text: 'Share', value: 79, unit: '%', bound: 80, side: 'at least' },
  ],
  notes: ['c is left out'],
}

await t.test('a target that is not reached says so', async t => {
  t.same(scenarioLines(result), [
    'Cost: 4.9 % (asked: at most 5 %)',
    'Share: 79 % (asked: at least 80 %, not reached)',
  ])
})

await t.test('the section has rows, targets and notes', async t => {
  const text = scenariosMarkdown([result])
  t.match(text, '### Some\n\nHow.\n\n|  | datagrams/s | us |\n| --- | --: | --: |\n')
  t.match(text, '| a | 1 234 568 | 0.0123 |\n| b: slow | 12 |  |\n')
  t.match(text, '- c is left out')
})

await t.test('a scenario that failed shows why, and no figures', async t => {
  const failed = { ...result, failure: '3 datagrams are missing' }
  t.same(scenarioLines(failed), ['FAILED: 3 datagrams are missing'])
  t.match(scenariosMarkdown([failed]), '**Failed:** 3 datagrams are missing')
  t.notMatch(scenariosMarkdown([failed]), '|')
})
