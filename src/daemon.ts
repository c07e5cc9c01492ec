import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { pino, type Logger } from 'pino'
import { resolveConfig, type Config, type ConfigInput } from './config.js'
import { AdminTokenFile } from './control/admin-token-file.js'
import { buildApp } from './control/app.js'
import { AskFeed } from './control/ask-feed.js'
import { DisconnectLog } from './control/disconnect-log.js'
import { DueTimer } from './control/due-timer.js'
import { FlowLog } from './control/flow-log.js'
import { bootPolicy, type BootedPolicy } from './control/policy/boot-policy.js'
import { ControlServer, isServedRequest, localServer } from './control/server.js'
import { createServices } from './control/services.js'
import { FlowHistory } from './control/services/flow-history.js'
import { firstStart, isFirstStart, packagedPolicyDir, readPolicyDir } from './first-start.js'
import { FlowMeter } from './hypervisor/flow-meter.js'
import { Hypervisor, type HypervisorOptions } from './hypervisor/hypervisor.js'
import { loadNative } from './native/native.js'
import { peerProcess } from './native/peer.js'
import { pollingOf } from './native/poller.js'
import { Membership } from './policy/membership.js'
import { PolicyTable } from './policy/policy-table.js'
import { formatHead } from './store/audit-head.js'
import { Checkpointer } from './store/checkpointer.js'
import { FLOWS_FILE, openFlowStore, type FlowStore } from './store/flow-store.js'
import { StoreError } from './store/store-error.js'
import { DATABASE_FILE, openStore, type Store } from './store/store.js'
import { DomainSockets } from './transport/domain-sockets.js'
import { Hub, type Admission } from './transport/hub.js'
import { attachMemory, type MemoryEnd } from './transport/memory.js'
import { listenAtPath } from './transport/socket-path.js'
import { attachWorker, type WorkerEnd } from './transport/worker.js'
import { UnixSocket } from './transport/unix-socket.js'
import { serveWebSockets } from './transport/websocket.js'
import { assert } from './util/assert.js'
import type { Clock } from './util/clock.js'

/** Counters of rules are written this often; what a crash loses of them is no more than that. */
const SAVE_INTERVAL_MS = 1_000

type Log = (
  level: 'info' | 'warn' | 'error',
  fields: Readonly<Record<string, unknown>>,
  message: string,
) => void

/** A daemon that runs. */
export interface Daemon {
  readonly config: Config
  /** Where REST and WebSocket are served, such as `http://127.0.0.1:8484`. */
  readonly url: string
  readonly stateDir: string
  /** The Unix socket that every domain attaches by, with its token. */
  readonly socketPath: string
  readonly adminTokenPath: string
  readonly hypervisor: Hypervisor
  /**
   * Attaches a client in this process.
   * @param end one end of the SDK's `memoryPair`; the other goes to `connect`.
   * @param domain whom the client is.
   */
  attach(end: MemoryEnd, domain: string): void
  /**
   * Attaches a client in another thread of this process.
   * @param domain whom the client is.
   * @returns what the SDK's `connect` in the thread takes as `transport`; its `port` is to be transferred.
   * @throws Error when there is no such domain, or too many clients.
   */
  attachWorker(domain: string): WorkerEnd
  /** Tells every client, writes what is to be kept, and lets go of everything. */
  close(): Promise<void>
}

/**
 * Starts a daemon: store, policy, hypervisor, sockets, REST. What was opened is closed again when
 * a later step fails.
 * @throws ConfigError, StoreError or SocketPathError with one sentence for a person; the system's
 *   error for a port that is taken.
 */
export async function startDaemon(input: ConfigInput = {}): Promise<Daemon> {
  const { config } = resolveConfig(input)
  const logger = makeLogger(config)
  const undo: (() => void | Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
  }
  try {
    return await start(config, logger, undo, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  config: Config,
  logger: Logger,
  undo: (() => void | Promise<void>)[],
  close: () => Promise<void>,
): Promise<Daemon> {
  const { stateDir, limits } = config
  const clock: Clock = { now: () => Date.now() }
  const log: Log = (level, fields, message) => logger[level](fields, message)

  makeStateDir(stateDir)
  const store = openStore(join(stateDir, DATABASE_FILE), {
    now: () => clock.now(),
    randomBytes: count => randomBytes(count),
  })
  undo.push(() => store.close())
  const adminTokenPath = join(stateDir, 'admin.token')
  prepareStore(store, config, adminTokenPath)
  const lost = store.followHead()
  if (lost !== undefined) log('error', {}, lost)

  const flowLog = new FlowLog(limits.flowRecordsMax, clock)
  const booted = bootPolicy(store, clock)
  if (booted.problem !== undefined) log('error', {}, booted.problem)
  for (const row of store.dropped) log('error', {}, `dropped, since it was damaged: ${row}`)
  const askFeed = new AskFeed()
  const due = new DueTimer(() => hypervisor.tick())
  undo.push(() => due.stop())
  const history = openHistory(config, clock, logger)
  undo.push(() => history?.service.close())
  const hypervisor = makeHypervisor(store, booted, config, clock, {
    onFlow: record => flowLog.add(record),
    onDue: delayMs => due.set(delayMs),
    onAsksChange: () => askFeed.changed(),
    ...(history !== undefined && { meter: history.meter }),
  })
  const native = await loadNative()
  const disconnects = new DisconnectLog(limits, clock, (fields, message) =>
    log('info', fields, message),
  )
  const polling = pollingOf(config.polling, native)
  const hub = new Hub({
    hypervisor,
    clock,
    onEnd: end => disconnects.add(end),
    native,
    sharesMemory: config.sharedMemory,
    polling: {
      // Who gives way to a thread of this process that has much to do gets the processor back late.
      get us() {
        return services.isWorking() ? 0 : polling.us
      },
      yieldProcessor: polling.yieldProcessor,
    },
    admit: (token, socketDomain) => admit(store, hypervisor, token, socketDomain),
  })
  undo.push(() => hub.close())

  const sockets = new DomainSockets(join(stateDir, 'domains'), hub)
  undo.push(() => sockets.closeAll())
  const services = createServices({
    store,
    hypervisor,
    booted,
    limits,
    clock,
    flowLog,
    disconnects,
    history: history?.service,
    askFeed,
    hub,
    adminTokenFile: new AdminTokenFile(adminTokenPath),
    log: logger,
    onDomainAdded: name => sockets.open(name),
    onDomainRemoved: name => sockets.close(name),
  })
  services.tally.restore()
  services.presence.restore()
  services.disconnectHistory.restore()
  const logged = history === undefined ? [store] : [store, history.store]
  const checkpointer = new Checkpointer(logged, message =>
    log('warn', {}, `a write-ahead log could not be moved into its database: ${message}`),
  )
  undo.push(() => checkpointer.close())
  const saving = setInterval(() => {
    void services.tally.save()
    void services.presence.save()
    void services.disconnectHistory.save()
    void services.history?.save()
    checkpointer.tick()
  }, SAVE_INTERVAL_MS)
  undo.push(async () => {
    clearInterval(saving)
    await services.close()
    services.tally.saveNow()
    services.presence.saveNow()
    services.disconnectHistory.saveNow()
  })

  for (const domain of hypervisor.domains()) await sockets.open(domain.name)
  const socketPath = join(stateDir, 'v4v.sock')
  const shared = await UnixSocket.listen(socketPath, hub, { mode: 0o666 })
  undo.push(() => shared.close())

  // Requests are not logged, and that it listens is said below.
  const failures = logger.child(
    {},
    { level: logger.isLevelEnabled('warn') ? 'warn' : logger.level },
  )
  const app = buildApp(services, { logger: failures, host: config.host })
  const server = await ControlServer.listen(app, config)
  undo.push(() => server.close())
  const local = localServer(app, socket => peerProcess(socket, native)?.uid)
  await listenAtPath(local, join(stateDir, 'control.sock'), 0o600)
  undo.push(() => {
    local.close()
    local.closeAllConnections()
  })
  // Again, and first when closing: the server's end waits for its WebSocket clients to be gone.
  undo.push(() => hub.close())
  serveWebSockets(server.http, hub, request => isServedRequest(request, config.host))

  const endpointPath = join(stateDir, 'daemon.json')
  const endpoint = { url: server.url, socket: socketPath, pid: process.pid }
  // Renamed into its place, so that nobody who looks for it reads half of it.
  writeFileSync(`${endpointPath}.new`, `${JSON.stringify(endpoint)}\n`)
  renameSync(`${endpointPath}.new`, endpointPath)
  undo.push(() => rmSync(endpointPath, { force: true }))

  const auditHead = formatHead(store.audit.head())
  log('info', { url: server.url, socket: socketPath, stateDir, auditHead }, 'started')
  undo.push(() => log('info', {}, 'shutting down'))
  return {
    config,
    url: server.url,
    stateDir,
    socketPath,
    adminTokenPath,
    hypervisor,
    attach: (end, domain) => attachMemory(hub, end, domain),
    attachWorker: domain => {
      const outcome = attachWorker(hub, domain)
      if (!outcome.ok) throw new Error(outcome.detail)
      return outcome.end
    },
    close,
  }
}

function makeLogger(config: Config): Logger {
  const options = { level: config.logLevel, base: null, redact: ['token', 'headers.authorization'] }
  if (!process.stdout.isTTY) return pino(options)
  return pino({ ...options, transport: { target: 'pino-pretty' } })
}

function makeStateDir(stateDir: string): void {
  try {
    makeFolder(stateDir)
  } catch (error) {
    throw new StoreError(
      'not-writable',
      `the state folder ${stateDir} can't be made (${(error as Error).message}): choose another with --state or V4V_STATE`,
      { cause: error },
    )
  }
}

/**
 * Makes a folder and those above it. Not by `recursive`: where the file system makes no folders,
 * such as in /proc, Node 20 then tries for ever.
 */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(path).isDirectory()) return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    makeFolder(dirname(path))
    mkdirSync(path, { mode: 0o700 })
  }
}

/** Does what only the first start does, and sees to it that the admin's token lies where it belongs. */
function prepareStore(store: Store, config: Config, adminTokenPath: string): void {
  if (!isFirstStart(store)) return
  const dir = config.policyDir ?? packagedPolicyDir
  firstStart(store, readPolicyDir(dir), dir, token => {
    if (existsSync(adminTokenPath)) chmodSync(adminTokenPath, 0o600)
    writeFileSync(adminTokenPath, `${token}\n`, { mode: 0o600 })
  })
  // So that a database without its log is never taken for one before its first start.
  store.checkpoint()
}

/** What becomes of flows: counted, and written down. Undefined when that is switched off. */
function openHistory(
  { stateDir, limits }: Config,
  clock: Clock,
  logger: Logger,
):
  | { readonly meter: FlowMeter; readonly store: FlowStore; readonly service: FlowHistory }
  | undefined {
  const { flowHistoryBytesMax: bytesMax, flowHistoryAgeMs: ageMsMax } = limits
  if (bytesMax === 0) return undefined
  const store = openFlowStore(join(stateDir, FLOWS_FILE), { bytesMax, ageMsMax }, error =>
    logger.warn({ err: error }, 'the file of flows was put aside'),
  )
  const meter = new FlowMeter(limits)
  return { meter, store, service: new FlowHistory(meter, store, clock, logger) }
}

function makeHypervisor(
  store: Store,
  { revision, policy }: BootedPolicy,
  config: Config,
  clock: Clock,
  told: Pick<HypervisorOptions, 'onFlow' | 'onDue' | 'onAsksChange' | 'meter'>,
): Hypervisor {
  const hypervisor = new Hypervisor({
    policy: new PolicyTable(revision, policy.rules, new Membership(policy.sets, policy.tags)),
    clock,
    limits: config.limits,
    // A million decisions worth remembering each second, and ids do not meet those before a restart.
    decisionIdBase: Math.floor(clock.now() / 1000) * 2 ** 20,
    steadyMs: () => performance.now(),
    ...told,
  })
  for (const { id, name, tags } of store.domains.list()) hypervisor.createDomain(id, name, tags)
  return hypervisor
}

function admit(
  store: Store,
  hypervisor: Hypervisor,
  token: string,
  socketDomain: string | undefined,
): Admission {
  if (socketDomain !== undefined && token === '') {
    const known = store.domains.get(socketDomain)
    const domain = known && hypervisor.domain(known.id)
    if (domain === undefined) {
      const detail = `the domain "${socketDomain}" was removed`
      return { ok: false, reason: 'domain-unknown', detail }
    }
    if (!known!.enabled) {
      const detail = `the domain "${socketDomain}" is not enabled`
      return { ok: false, reason: 'quarantine', detail, domain: domain.party }
    }
    return { ok: true, domain, tokenId: undefined, expiresAt: undefined }
  }
  const outcome = store.tokens.authenticate(token)
  if (!outcome.ok) {
    const { reason, message: detail, tokenId, domain: named } = outcome
    const domain = named && { name: named.name, id: named.id }
    return { ok: false, reason, detail, tokenId, domain }
  }
  const domain = hypervisor.domain(outcome.domain.id)
  assert(domain !== undefined, 'the hypervisor has every domain that is stored')
  if (socketDomain !== undefined && socketDomain !== domain.name) {
    const detail = 'the token is not of the domain of this socket'
    const { tokenId } = outcome
    return { ok: false, reason: 'token-of-another', detail, tokenId, domain: domain.party }
  }
  store.tokens.touch([[outcome.tokenId, Date.now()]])
  return { ok: true, domain, tokenId: outcome.tokenId, expiresAt: outcome.expiresAt }
}
