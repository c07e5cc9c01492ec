import t from 'tap'
import { csvText } from '../../src/cli/csv-text.js'

await t.test('a thing is a heading and a line, and what is within it has longer names', async t => {
  const thing = { to: 'db:7', seconds: 0.5, latencyUs: { p50: 1.25, far: { max: 9 } }, none: null }
  t.equal(csvText(thing), 'to,seconds,latencyUs.p50,latencyUs.far.max,none\ndb:7,0.5,1.25,9,')
})

await t.test('text with commas, quotes or lines in it is quoted', async t => {
  t.equal(csvText({ 'a,b': 'say "no"', c: 'x\ny' }), '"a,b",c\n"say ""no""","x\ny"')
})
