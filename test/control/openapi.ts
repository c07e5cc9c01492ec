import { readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import openapiTS, { astToString } from 'openapi-typescript'
import t from 'tap'
import ts from 'typescript'
import { connect } from '../../src/sdk/index.js'
import { startDaemon, type TestDaemon } from '../fixtures/daemon.js'
import { apiChanges, changesText } from './fixtures/api-changes.js'
import { formatApi, KEPT_API_PATH, readKeptApi } from './fixtures/kept-api.js'
import type { Json } from './fixtures/schema-changes.js'

const programPath = join('test', 'control', 'fixtures', 'generated-client', 'walk.ts')
const formatHost: ts.FormatDiagnosticsHost = {
  getCanonicalFileName: path => path,
  getCurrentDirectory: () => process.cwd(),
  getNewLine: () => '\n',
}
/** In the project, so that packages are found from there. */
const outDir = fileURLToPath(new URL('./fixtures/generated-client', import.meta.url))

/** As much of the program as is used here. */
interface Program {
  readonly walk: (
    baseUrl: string,
    token: string,
    send: (token: string) => Promise<void>,
  ) => Promise<{ readonly revision: number; readonly refused: { readonly revision: number } }>
}

async function served(daemon: TestDaemon): Promise<Json> {
  return (await (await fetch(`${daemon.url}/openapi.json`)).json()) as Json
}

const daemon = await startDaemon(t)

await t.test('the description that is kept is the one that is served', async t => {
  const now = await served(daemon)
  const hint = '"npm run openapi" updates it, unless that would break programs that use the API'
  const isSame = t.equal(changesText(apiChanges(readKeptApi(), now)), '', hint)
  if (isSame) t.equal(readFileSync(KEPT_API_PATH, 'utf8'), formatApi(now), 'and as it was written')
})

await t.test('README.md names every path, and none that is not served', async t => {
  const { paths } = (await served(daemon)) as { paths: Record<string, object> }
  const readme = readFileSync('README.md', 'utf8')
  const [, table = ''] = readme.split('### Each thing by command and by REST\n')
  const routes = /`((?:GET|POST|PUT|PATCH|DELETE) \/[^`]+)`/g
  const named = [...table.split('\n### ')[0]!.matchAll(routes)].map(([, route]) => route!)
  const elsewhere = ['GET /livez', 'GET /metrics']
  for (const route of elsewhere) t.ok(readme.includes(`\`${route.slice('GET '.length)}\``), route)
  const known = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => {
      const short = path.replace(/^\/v1/, '').replaceAll(/\{(\w+)\}/g, ':$1')
      return `${method.toUpperCase()} ${short}`
    }),
  )
  t.strictSame(
    [...new Set([...named, ...elsewhere])].toSorted(),
    [...known, 'GET /openapi.json'].toSorted(),
  )
})

await t.test('a client that is generated from it is typed, and works with a daemon', async t => {
  const types = await openapiTS(JSON.stringify(await served(daemon)))
  t.strictSame(compile(astToString(types)), [])
  t.teardown(() => rmSync(outDir, { recursive: true, force: true }))
  const { walk } = (await import(pathToFileURL(join(outDir, 'walk.js')).href)) as Program
  const walked = await walk(daemon.url, daemon.admin.token, async token => {
    await using web = await connect({ url: `unix:${daemon.socketPath}`, token })
    const ring = await web.bind(1)
    await t.rejects(ring.send('db:5433', Buffer.from('hello')), { code: 'EPERM' })
  })
  t.match(walked, {
    plan: 'changes',
    refused: { verdict: 'reject', rule: null, source: 'web:1', destination: 'db:5433' },
    explanation: { action: 'reject', decidedBy: 'default', walk: [{ id: 'web-to-db' }] },
    unknown: { code: 'ENOENT' },
  })
  t.equal(walked.refused.revision, walked.revision)
})

/** Compiles the program with these as the types of the API. @returns what the compiler finds wrong. */
function compile(types: string): string[] {
  const text = readFileSync('tsconfig.json', 'utf8')
  const { config } = ts.parseConfigFileTextToJson('tsconfig.json', text) as {
    config: { compilerOptions: object }
  }
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      ...{ lib: ['es2023', 'dom'], types: [], rootDir: dirname(programPath), outDir },
      ...{
        composite: false,
        declaration: false,
        incremental: false,
        sourceMap: false,
        noEmitOnError: true,
      },
    },
    '.',
  )
  delete options.tsBuildInfoFile
  const typesPath = resolve(dirname(programPath), 'api.d.ts')
  const host = ts.createCompilerHost(options)
  host.fileExists = path => resolve(path) === typesPath || ts.sys.fileExists(path)
  host.readFile = path => (resolve(path) === typesPath ? types : ts.sys.readFile(path))
  const program = ts.createProgram([programPath], options, host)
  const found = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics]
  return found.map(each => ts.formatDiagnostic(each, formatHost))
}
