import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { healthExitCode, healthFormats } from '../../src/cli/health-text.js'
import { isDue, worst, type HealthCheck, type HealthStatus } from '../../src/cli/health.js'
import { daemon, run, until, type TestDaemon } from './fixtures/v4v.js'

t.setTimeout(230_000) // it starts many processes, on machines of any speed

const policy = { 'a.yaml': 'rules:\n  - id: logs\n    accept: web:* -> collector:514\n' }

interface Health {
  readonly status: HealthStatus
  readonly checks: readonly HealthCheck[]
}

async function health(place: TestDaemon): Promise<Health & { code: number | null }> {
  const { code, stdout } = await place.v4v(['check', '--format', 'json'])
  return { code, ...(JSON.parse(stdout) as Health) }
}

function check(status: HealthStatus, more: Partial<HealthCheck> = {}): HealthCheck {
  return { name: 'disk', status, message: 'some', ...more }
}

await t.test('the worst check decides, and unknown is less than wrong', async t => {
  t.equal(worst([]), 'ok')
  t.equal(worst([check('ok'), check('unknown')]), 'unknown')
  t.equal(worst([check('unknown'), check('warning')]), 'warning')
  t.equal(worst([check('warning'), check('critical'), check('unknown')]), 'critical')
  const codes = (['ok', 'warning', 'critical', 'unknown'] as const).map(status =>
    healthExitCode([check(status)]),
  )
  t.same(codes, [0, 1, 2, 3])
})

await t.test('a token is due in its last week, or in the last quarter of a short time', async t => {
  const day = 86_400_000
  const token = (createdAt: number, expiresAt: number | null, revokedAt: number | null = null) => ({
    id: 1,
    role: null,
    label: '',
    createdAt,
    expiresAt,
    revokedAt,
    lastUsedAt: null,
  })
  t.equal(isDue(token(0, null), 0), false, 'it never ends')
  t.equal(isDue(token(0, 100 * day), 92 * day), false)
  t.equal(isDue(token(0, 100 * day), 94 * day), true)
  t.equal(isDue(token(0, 100 * day, 1), 94 * day), false, 'it was revoked')
  t.equal(isDue(token(0, 100 * day), 100 * day), false, 'it has ended')
  t.equal(isDue(token(0, 4 * day), 2 * day), false)
  t.equal(isDue(token(0, 4 * day), 3.5 * day), true)
})

await t.test('no message can break out of a format', async t => {
  const measured = { name: 'ring_fill', value: 5, unit: 'percent', warning: '90' } as const
  const checks = [check('critical', { message: 'a|b\nc\u001b', measured }), check('ok')]
  t.equal(
    healthFormats.nagios(checks),
    [
      'V4V CRITICAL - disk: a/b\\nc\\x1b | ring_fill=5%;90',
      'critical: disk: a/b\\nc\\x1b',
      'ok: disk: some',
    ].join('\n'),
  )
  t.match(healthFormats.prometheus([check('ok', { name: 'a"b' })]), 'check="a\\"b"} 0')
  t.match(healthFormats.prometheus(checks), /^v4v_check_ring_fill_percent 5$/m)
})

await t.test('a daemon that is well, and what becomes of that', async t => {
  const place = await daemon(t, t.testdir(policy))
  const well = await health(place)
  t.same(
    well.checks.map(({ name }) => name),
    ['daemon', 'store', 'policy', 'disk', 'revision', 'rings', 'tokens'],
  )
  // How full the disk of the machine is that runs this is not ours to say.
  const others = well.checks.filter(({ name }) => name !== 'disk')
  t.same([...new Set(others.map(({ status }) => status))], ['ok'])

  for (const name of ['web', 'collector']) await place.v4v(['domain', 'add', name])
  await place.v4v(['rule', 'add', 'accept', 'web:*', 'collector:9', '--confirm', '1h'])
  await place.v4v(['token', 'issue', 'web', '--expires', '30d'])
  const waits = await health(place)
  t.ok(waits.code === 1 || waits.code === 2)
  const wrong = waits.checks.filter(({ name, status }) => name !== 'disk' && status !== 'ok')
  t.match(wrong, [{ name: 'revision', status: 'warning', message: /^revision 2 waits for / }])

  const nagios = await place.v4v(['check', '--format', 'nagios'])
  t.equal(nagios.code, waits.code)
  t.match(nagios.stdout, /^V4V [A-Z]+ - .*revision: revision 2 waits .* \| .*ring_fill=0%;90 /)
  const prometheus = await place.v4v(['check', '--format', 'prometheus'])
  t.match(prometheus.stdout, /^v4v_check_status\{check="revision"\} 1$/m)
  t.match(prometheus.stdout, /^v4v_check_disk_free_bytes \d+$/m)

  const listener = place.start(['listen', '514', '--as', 'collector', '--size', '4096'])
  t.teardown(() => listener.kill())
  await until(async () => {
    const { checks } = await health(place)
    return checks.some(({ message }) => message.startsWith('the fullest, collector:514, is '))
  })
})

await t.test('what can not be known or reached has a code of its own', async t => {
  const gone = await run(['check', '--format', 'nagios'])
  t.equal(gone.code, 2)
  t.match(gone.stdout, /^V4V CRITICAL - daemon: no daemon runs with the state folder /)
  const wrong = await run(['check', '--format', 'nagios', '--url', 'ftp://x'])
  t.equal(wrong.code, 3)
  t.match(wrong.stdout, /^V4V UNKNOWN - daemon: "ftp:\/\/x" is not the URL/)
  const both = await run(['check', '--format', 'nagios', '-o', 'json'])
  t.equal(both.code, 2)
  t.match(both.stderr, /cannot be used with/)

  const answers: Record<string, [number, string]> = {
    '/livez': [200, '{"status":"ok"}'],
    '/readyz': [
      503,
      '{"status":"degraded","checks":[{"name":"policy","ok":false,"message":"the last good one"}]}',
    ],
  }
  const server = createServer((request, response) => {
    const [status, text] = answers[request.url!.split('?')[0]!] ?? [500, 'no JSON']
    response.writeHead(status).end(text)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const degraded = await run(['check', '--format', 'json', '--url', url])
  t.equal(degraded.code, 1)
  t.match(JSON.parse(degraded.stdout), {
    status: 'warning',
    checks: [
      { name: 'daemon', status: 'ok' },
      { name: 'policy', status: 'warning', message: 'the last good one' },
      { name: 'admin', status: 'unknown', message: /^there is no admin token for / },
    ],
  })
  const env = { V4V_ADMIN_TOKEN: 'x' }
  const failing = await run(['check', '--format', 'json', '--url', url], { env })
  t.equal(failing.code, 1)
  t.match(JSON.parse(failing.stdout), {
    checks: [{}, {}, { name: 'revision', status: 'unknown' }, {}, {}],
  })
})

await t.test(
  'the fullest ring, and the tokens of all that are due, take a request each',
  async t => {
    const hour = 3_600_000
    const now = Date.now()
    const token = { createdAt: now - 23 * hour, expiresAt: now + hour, revokedAt: null }
    const answers: Record<string, unknown> = {
      '/livez': { status: 'ok' },
      '/readyz': { status: 'ready', checks: [] },
      '/v1/policy/revisions': { revision: 1, unconfirmed: null, revisions: [] },
      '/v1/rings': { rings: [{ domain: 'db', port: 5432, usedBytes: 95, length: 100 }] },
      '/v1/tokens': {
        tokens: [
          { ...token, id: 4, domain: 'web' },
          { ...token, id: 5, domain: null },
          { ...token, id: 6, domain: 'db', createdAt: now },
        ],
      },
    }
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url!)
      response.end(JSON.stringify(answers[request.url!.split('?')[0]!]))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const env = { V4V_ADMIN_TOKEN: 'x' }
    const { code, stdout } = await run(['check', '--format', 'json', '--url', url], { env })
    t.equal(code, 1)
    const [rings, tokens] = (JSON.parse(stdout) as Health).checks.slice(-2)
    t.match(rings, { status: 'warning', message: 'the fullest, db:5432, is 95% full' })
    t.match(tokens, {
      name: 'tokens',
      status: 'warning',
      message: /^token 4 of web ends \S+Z, and 1 more end soon$/,
      measured: { value: 2 },
    })
    t.same(asked.slice(-2), ['/v1/rings?fullest=1', '/v1/tokens?ending=604800000ms'])
    t.equal(asked.length, 5)
  },
)
