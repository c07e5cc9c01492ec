import t from 'tap'
import { formatProblem } from '../../src/policy/policy-problem.js'

await t.test('a problem is printed in the form that editors can jump to', async t => {
  const problem = { file: '10-web.yaml', line: 3, column: 13, message: '"db" has no port' }
  t.equal(formatProblem(problem), '10-web.yaml:3:13: "db" has no port')
})
