import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { defaultLimits } from '../src/abi/limits.js'
import {
  ConfigError,
  defaultStateDir,
  parseListen,
  resolveConfig,
  type ConfigInput,
} from '../src/config.js'

await t.test('the state folder is the one that is told, else where state belongs', t => {
  t.equal(defaultStateDir({ V4V_STATE: '/srv/v4v', XDG_STATE_HOME: '/x' }), '/srv/v4v')
  t.equal(defaultStateDir({ XDG_STATE_HOME: '/x' }), '/x/v4v')
  t.match(defaultStateDir({}), /\/\.local\/state\/v4v$/)
  t.match(defaultStateDir({ V4V_STATE: '', XDG_STATE_HOME: '' }), /\/\.local\/state\/v4v$/)
  t.end()
})

await t.test('listen is read as HOST:PORT', t => {
  t.same(parseListen('127.0.0.1:8484'), { host: '127.0.0.1', port: 8484 })
  t.same(parseListen('[::1]:0'), { host: '::1', port: 0 })
  t.same(parseListen(':80'), { host: '127.0.0.1', port: 80 })
  t.same(parseListen('example.net:65535'), { host: 'example.net', port: 65_535 })
  for (const text of ['', '80', 'a:b', 'a:', 'a:65536', 'a:123456', '::1:80', '[::1]', '[x]:1']) {
    t.throws(() => parseListen(text), ConfigError)
  }
  t.end()
})

await t.test('everything has a default', t => {
  const stateDir = t.testdir()
  const { config, origins } = resolveConfig({ stateDir }, {})
  t.same(config, {
    stateDir,
    host: '127.0.0.1',
    port: 8484,
    policyDir: undefined,
    logLevel: 'info',
    sharedMemory: true,
    polling: 'auto',
    limits: defaultLimits,
  })
  t.equal(origins.get('port'), 'default')
  t.equal(origins.get('limits.sessionsMax'), 'default')
  t.equal(origins.get('stateDir'), 'flag')
  t.equal(origins.size, 7 + Object.keys(defaultLimits).length)
  t.end()
})

await t.test('what is told later holds: file, environment, command line', t => {
  const stateDir = t.testdir({
    'v4vd.yaml':
      'listen: 0.0.0.0:1\npolicyDir: /etc/v4v\nlogLevel: warn\nsharedMemory: false\npolling: 20\nlimits: { sessionsMax: 7, domainsMax: 8 }\n',
  })
  const env = { V4V_STATE: stateDir, V4V_LISTEN: '0.0.0.0:2', V4V_LOG_LEVEL: 'error' }
  const { config, origins } = resolveConfig({ port: 3, limits: { domainsMax: 9 } }, env)
  t.match(config, { stateDir, host: '0.0.0.0', port: 3, policyDir: '/etc/v4v', logLevel: 'error' })
  t.match(config, { sharedMemory: false, polling: 20 })
  t.match(config.limits, { sessionsMax: 7, domainsMax: 9, rulesMax: defaultLimits.rulesMax })
  t.same(
    [
      'stateDir',
      'host',
      'port',
      'policyDir',
      'logLevel',
      'limits.sessionsMax',
      'limits.domainsMax',
    ].map(key => origins.get(key)),
    ['environment', 'environment', 'flag', 'file', 'environment', 'file', 'flag'],
  )
  const { config: other } = resolveConfig({ policyDir: undefined }, { ...env, V4V_POLICY: '/p' })
  t.equal(other.policyDir, '/p')
  t.end()
})

await t.test('an empty file says nothing', t => {
  const stateDir = t.testdir({ 'v4vd.yaml': '# nothing yet\n' })
  t.equal(resolveConfig({ stateDir }, {}).config.port, 8484)
  t.end()
})

await t.test('what can not be used is refused with where it stands', t => {
  const stateDir = t.testdir()
  const inFile: [string, RegExp][] = [
    ['port: [', /v4vd.yaml can not be read/],
    ['- port', /v4vd.yaml is a mapping/],
    ['8484', /v4vd.yaml is a mapping/],
    ['ports: 1', /v4vd.yaml: there is no setting "ports"/],
    ['stateDir: /x', /there is no setting "stateDir"/],
    ['port: "80"', /v4vd.yaml: port is a whole number from 0 to 65535, not "80"/],
    ['port: 65536', /not 65536/],
    ['port: -1', /not -1/],
    ['host: 7', /host is a text, not 7/],
    ['host: ""', /host is a text/],
    ['logLevel: loud', /logLevel is one of silent, error, warn, info, debug, not "loud"/],
    ['sharedMemory: 1', /sharedMemory is true or false, not 1/],
    ['polling: fast', /polling is "auto", "off" or microseconds up to 10000, not "fast"/],
    ['polling: 10001', /not 10001/],
    ['listen: 80', /listen is a text/],
    ['listen: nonsense', /listen is HOST:PORT/],
    ['limits: 7', /limits is a mapping/],
    ['limits: { sessionsMax: 0 }', /limits.sessionsMax is a whole number from 1/],
    ['limits: { sessionsMax: 1.5 }', /not 1.5/],
    ['limits: { sessions: 1 }', /there is no setting "limits.sessions"/],
    ['host: &a x\npolicyDir: *a', /can not be read/],
  ]
  for (const [text, message] of inFile) {
    writeFileSync(join(stateDir, 'v4vd.yaml'), text)
    t.throws(() => resolveConfig({ stateDir }, {}), { name: 'ConfigError', message })
  }
  writeFileSync(join(stateDir, 'v4vd.yaml'), '')
  const env = { V4V_LOG_LEVEL: 'loud' }
  t.throws(() => resolveConfig({ stateDir }, env), { message: /^the environment: logLevel/ })
  const input = { stateDir, port: 1e9 }
  t.throws(() => resolveConfig(input, {}), { message: /^the command line: port/ })
  const unknown = { stateDir, prot: 1 } as ConfigInput
  t.throws(() => resolveConfig(unknown, {}), { message: /there is no setting "prot"/ })
  t.end()
})
