import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { errorCodes } from '../src/abi/errno.js'

/** What one folder of src, or one file right in it, may import. */
interface Layer {
  /** Other folders and files of src. */
  readonly from: readonly string[]
  /** Packages; a trailing `/` stands for all of a scope. */
  readonly packages?: readonly string[]
  /** Node's own modules; all of them where this is missing. */
  readonly node?: readonly string[]
}

/** The direction of dependencies. Whatever is not allowed here is not imported anywhere. */
const layers: Readonly<Record<string, Layer>> = {
  util: { from: [], node: ['node:assert'] },
  native: { from: ['util'], packages: ['koffi'] },
  abi: { from: ['util'], node: ['node:assert', 'node:buffer'] },
  policy: { from: ['abi', 'util'], packages: ['typebox', 'yaml'], node: ['node:assert'] },
  hypervisor: { from: ['policy', 'abi', 'util'], node: ['node:assert'] },
  store: { from: ['policy', 'native', 'abi', 'util'], packages: ['better-sqlite3'] },
  websocket: { from: ['abi', 'util'], node: ['node:crypto', 'node:module'] },
  transport: {
    from: ['hypervisor', 'policy', 'websocket', 'native', 'abi', 'util'],
    packages: ['ws'],
  },
  control: {
    from: ['store', 'hypervisor', 'policy', 'native', 'abi', 'util'],
    packages: [
      '@fastify/',
      '@viz-js/viz',
      'fastify',
      'prom-client',
      'typebox',
      'v4vd/package.json',
    ],
  },
  console: { from: ['control'], packages: ['typebox'], node: [] },
  sdk: { from: ['websocket', 'native', 'abi', 'util'], packages: ['ws'] },
  cli: {
    from: ['daemon.ts', 'state-tools.ts', 'config.ts', 'sdk', 'policy', 'native', 'abi', 'util'],
    packages: ['@viz-js/viz', 'commander', 'yaml'],
  },
  'index.ts': { from: ['sdk'] },
  'config.ts': { from: ['abi', 'util'], packages: ['yaml'] },
  'first-start.ts': { from: ['config.ts', 'store', 'policy', 'abi', 'util'] },
  'state-tools.ts': { from: ['control', 'store'] },
  'daemon.ts': {
    from: [
      'config.ts',
      'first-start.ts',
      'control',
      'transport',
      'store',
      'hypervisor',
      'policy',
      'native',
      'abi',
      'util',
    ],
    packages: ['pino'],
  },
}

/** No I/O, no clock, no randomness, no logging: what comes from outside comes by a constructor. */
const pureFolders = ['util', 'abi', 'policy', 'hypervisor']
const bannedGlobals = new Set([
  'Date',
  'console',
  'crypto',
  'fetch',
  'globalThis',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
])

/** Each file with code in these has a test file of the same name. */
const mirroredFolders = [...pureFolders, 'native', 'store', 'transport', 'control']
/** Lists of exports; schemas and services, which the tests of the routes in front put to work. */
const notMirrored = /(^|\/)index\.ts$|^control\/(schemas|services)\//

interface SourceFile {
  /** Relative to the root of the project, such as `src/abi/addr.ts`. */
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
}

function sourceFiles(folder: string): SourceFile[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.includes('node_modules'))
    .sort()
    .map(file => {
      const path = join(folder, file)
      const text = readFileSync(path, 'utf8')
      return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) }
    })
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  ts.forEachChild(node, child => visit(child, see))
}

/** What a file imports, types and `import()` included. */
function importsOf(file: SourceFile): string[] {
  const { importedFiles } = ts.preProcessFile(file.text, true, true)
  return importedFiles.map(imported => imported.fileName)
}

/** The file that a relative import names. */
function resolveImport(from: string, name: string): string {
  return normalize(join(dirname(from), name)).replace(/\.js$/, '.ts')
}

/** `abi` for src/abi/addr.ts, `daemon.ts` for src/daemon.ts. */
function layerOf(path: string): string {
  return path.split('/')[1]!
}

function place(file: SourceFile, node: ts.Node): string {
  const { line } = file.tree.getLineAndCharacterOfPosition(node.getStart())
  return `${file.path}:${line + 1}`
}

/** False for a file of types only. */
function hasCode(file: SourceFile): boolean {
  return file.tree.statements.some(statement => {
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) return false
    if (ts.isImportDeclaration(statement)) return false
    if (ts.isExportDeclaration(statement)) return !statement.isTypeOnly
    return true
  })
}

const src = sourceFiles('src')
const tests = sourceFiles('test')
const bench = sourceFiles('bench')

await t.test('each file of src imports only what its layer may', async t => {
  const wrong: string[] = []
  for (const file of src) {
    const layer = layerOf(file.path)
    const allowed = layers[layer]
    if (allowed === undefined) {
      wrong.push(`${file.path}: src/${layer} is not in the table of layers`)
      continue
    }
    const { from, packages = [], node } = allowed
    for (const name of importsOf(file)) {
      let ok: boolean
      if (name.startsWith('.')) {
        const target = layerOf(resolveImport(file.path, name))
        ok = target === layer || from.includes(target)
      } else if (name.startsWith('node:')) {
        ok = node === undefined || node.includes(name)
      } else {
        ok = packages.some(allow => (allow.endsWith('/') ? name.startsWith(allow) : name === allow))
      }
      if (!ok) wrong.push(`${file.path} imports ${name}`)
    }
  }
  t.same(wrong, [])
})

await t.test('the table names no layer that is not there', async t => {
  for (const [layer, { from }] of Object.entries(layers)) {
    for (const name of [layer, ...from]) t.ok(existsSync(join('src', name)), `src/${name}`)
  }
})

await t.test('each file of src can be reached from an entry of the package', async t => {
  const { bin, exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    bin: Record<string, string>
    exports: Record<string, string | { default: string }>
  }
  const entries = [...Object.values(bin), ...Object.values(exports)]
    .map(entry => (typeof entry === 'string' ? entry : entry.default))
    .filter(entry => entry.endsWith('.js'))
    .map(entry =>
      normalize(entry)
        .replace(/^dist\//, '')
        .replace(/\.js$/, '.ts'),
    )
  const byPath = new Map(src.map(file => [file.path, file]))
  const reached = new Set<string>()
  const reach = (path: string): void => {
    const file = byPath.get(path)
    if (file === undefined || reached.has(path)) return
    reached.add(path)
    // A literal such as 'child.js' counts: a file may also be started as a process of its own.
    visit(file.tree, node => {
      if (ts.isStringLiteralLike(node) && /^[\w./-]+\.js$/.test(node.text)) {
        reach(resolveImport(path, node.text))
      }
    })
  }
  for (const entry of entries) {
    t.ok(byPath.has(entry), `${entry} is there`)
    reach(entry)
  }
  t.same(
    src.map(file => file.path).filter(path => !reached.has(path)),
    [],
    'no file is dead',
  )
})

await t.test('the console takes nothing but types from elsewhere, and makes no markup', async t => {
  const wrong: string[] = []
  const markup =
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|\beval\b|new Function/
  for (const file of src) {
    if (layerOf(file.path) !== 'console') continue
    const found = markup.exec(file.text)
    if (found !== null) wrong.push(`${file.path}: ${found[0]}`)
    for (const statement of file.tree.statements) {
      if (!ts.isImportDeclaration(statement)) continue
      const name = (statement.moduleSpecifier as ts.StringLiteral).text
      const target = name.startsWith('.') ? layerOf(resolveImport(file.path, name)) : name
      const isType = statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      if (target !== 'console' && !isType) wrong.push(`${place(file, statement)} ${name}`)
    }
  }
  t.same(wrong, [])
})

await t.test('each file with code has a test of the same name', async t => {
  const missing = src
    .filter(file => mirroredFolders.includes(layerOf(file.path)) && hasCode(file))
    .map(file => file.path.slice('src/'.length))
    .filter(path => !notMirrored.test(path) && !existsSync(join('test', path)))
  t.same(missing, [])
})

await t.test('pure folders use no clock, no randomness, no I/O and no log', async t => {
  const wrong: string[] = []
  for (const file of src) {
    if (!pureFolders.includes(layerOf(file.path))) continue
    visit(file.tree, node => {
      if (!ts.isIdentifier(node)) return
      const { parent } = node
      const isMember =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node) ||
        ts.isPropertySignature(parent) ||
        ts.isPropertyDeclaration(parent) ||
        ts.isMethodSignature(parent) ||
        ts.isMethodDeclaration(parent)
      if (!isMember && bannedGlobals.has(node.text)) wrong.push(`${place(file, node)} ${node.text}`)
      if (node.text === 'random' && parent.getText().startsWith('Math.random')) {
        wrong.push(`${place(file, node)} Math.random`)
      }
    })
  }
  t.same(wrong, [])
})

await t.test('nothing has the type any', async t => {
  const wrong: string[] = []
  for (const file of [...src, ...tests, ...bench]) {
    visit(file.tree, node => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) wrong.push(place(file, node))
    })
  }
  t.same(wrong, [])
})

await t.test('nothing is left to be done, and no check is switched off', async t => {
  const words = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', '@ts-' + 'ignore', '@ts-' + 'nocheck']
  const wrong: string[] = []
  for (const { path, text } of [...src, ...tests, ...bench]) {
    for (const word of words) if (text.includes(word)) wrong.push(`${path}: ${word}`)
  }
  t.same(wrong, [])
})

await t.test('each error code is provoked or expected by a test', async t => {
  const tablesOnly = ['test/tidy.ts', 'test/abi/errno.ts', 'test/abi/readme.ts']
  const text = tests
    .filter(file => !tablesOnly.includes(file.path))
    .map(file => file.text)
    .join('\n')
  t.same(
    errorCodes.filter(code => !new RegExp(`\\b${code}\\b`).test(text)),
    [],
  )
})
