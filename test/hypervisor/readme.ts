import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

await t.test('the example of README.md runs as it stands', async t => {
  const examples = readFileSync('README.md', 'utf8').matchAll(/^```js\n(.*?)^```$/gms)
  const example = [...examples].find(([, text]) => text!.includes("from 'v4vd/hypervisor'"))
  // In a folder of this package, so that it finds the package by its own name.
  const dir = t.testdir({ 'core.mjs': example![1]! })
  const env = { ...process.env, FORCE_COLOR: '0' }
  const { stdout } = await promisify(execFile)(process.execPath, [join(dir, 'core.mjs')], { env })
  t.equal(stdout, "{ ok: true }\n{ ok: false, code: 'EPERM', decisionId: 2 }\n32\n")
})
