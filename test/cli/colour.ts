import t from 'tap'
import { wantsColour } from '../../src/cli/colour.js'
import { runMany } from './fixtures/many.js'

await t.test('colours are for terminals, unless the environment says otherwise', async t => {
  const cases: [boolean, NodeJS.ProcessEnv, boolean][] = [
    [true, {}, true],
    [false, {}, false],
    [true, { TERM: 'dumb' }, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [false, { FORCE_COLOR: '1', TERM: 'dumb' }, true],
    [false, { FORCE_COLOR: '' }, false],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: 'false' }, false],
  ]
  for (const [isTTY, env, expected] of cases) {
    t.equal(wantsColour({ isTTY }, env), expected, `${isTTY} ${JSON.stringify(env)}`)
  }
})

await t.test('a difference is coloured by its sign, and elsewhere it is text alone', async t => {
  const dir = t.testdir({
    'a.yaml': 'rules:\n  - id: one\n    accept: web:* -> db:1\n',
    'b.yaml': 'rules:\n  - id: two\n    accept: web:* -> db:2\n',
  })
  const args = ['policy', 'diff', `${dir}/a.yaml`, `${dir}/b.yaml`]
  const [plain, coloured] = await runMany(
    [{ args }, { args, env: { NO_COLOR: '', FORCE_COLOR: '1' } }],
    {},
  )
  t.equal(plain!.code, 2)
  const said = coloured!.stdout.replaceAll('\u001b', '<ESC>').split('\n')
  t.ok(said.includes('<ESC>[31m  - 1 one: accept web:* -> db:1<ESC>[39m'))
  t.ok(said.includes('<ESC>[32m  + 1 two: accept web:* -> db:2<ESC>[39m'))
  t.equal(said.join('\n').replaceAll(/<ESC>\[\d+m/g, ''), plain!.stdout)
})
