import { Option, type Command } from 'commander'
import {
  ConfigError,
  LOG_LEVELS,
  parseListen,
  type ConfigInput,
  type LogLevel,
} from '../../config.js'
import { bold } from '../colour.js'
import { command } from '../command.js'
import { EXIT, Failure, errorCode, errorText, failed, refused, usage } from '../fail.js'
import { note } from '../output.js'
import { dedicateProcess } from '../own-process.js'
import { printable } from '../printable.js'

interface ServeOptions {
  readonly state?: string
  readonly listen?: string
  readonly policy?: string
  readonly logLevel?: LogLevel
}

/** `v4v serve`: the daemon, until SIGTERM or SIGINT. */
export function serveCommand(): Command {
  return command('serve', 'run the daemon', [
    'v4v serve',
    'v4v serve --state /var/lib/v4v --listen 127.0.0.1:8484 --policy policy',
  ])
    .option('--state <dir>', 'state folder: database, admin token, sockets (else $V4V_STATE)')
    .option('--listen <host:port>', 'where REST and WebSocket are; port 0 picks a free one')
    .option('--policy <dir>', 'policy files to load at the first start')
    .addOption(new Option('--log-level <level>', 'what to log').choices(LOG_LEVELS))
    .action(async (options: ServeOptions) => {
      const config = configOf(options)
      dedicateProcess()
      const { startDaemon } = await import('../../daemon.js')
      const ending = nextSignal()
      const daemon = await startDaemon(config).catch((error: unknown) => {
        throw startFailure(error)
      })
      note(`${bold('v4vd is running', process.stderr)}; stop it with Ctrl-C`)
      note(`  console           ${printable(daemon.url)}/console`)
      note(`  REST              ${printable(daemon.url)}`)
      note(`  Unix socket       ${printable(daemon.socketPath)}`)
      note(`  admin token       ${printable(daemon.adminTokenPath)}`)
      const signal = await ending
      note(`${signal}: shutting down; once more to stop at once`)
      void nextSignal().then(second => process.exit(second === 'SIGINT' ? 130 : 143))
      await daemon.close()
      // What is left then only waits for timers of closed things.
      process.exitCode = EXIT.ok
    })
}

function configOf(options: ServeOptions): ConfigInput {
  let listen: Partial<ReturnType<typeof parseListen>> = {}
  if (options.listen !== undefined) {
    try {
      listen = parseListen(options.listen)
    } catch (error) {
      throw usage(errorText(error))
    }
  }
  return {
    ...listen,
    stateDir: options.state,
    policyDir: options.policy,
    logLevel: options.logLevel,
  }
}

/** The first SIGINT or SIGTERM from now on. */
function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    const take = (signal: NodeJS.Signals): void => {
      process.off('SIGINT', take)
      process.off('SIGTERM', take)
      resolve(signal)
    }
    process.on('SIGINT', take)
    process.on('SIGTERM', take)
  })
}

/** Why the daemon did not come up, with what to do about the common reasons. */
function startFailure(error: unknown): Failure {
  if (errorCode(error) === 'EADDRINUSE') {
    return failed(
      `the address is taken by another program: ${errorText(error)}`,
      'choose another with --listen HOST:PORT',
      error,
    )
  }
  if (error instanceof ConfigError) {
    const [first = '', ...more] = error.message.split('\n')
    return refused(more.length === 0 ? first : `${first} (and ${more.length} more like it)`)
  }
  if (error instanceof Failure) return error
  return failed(`the daemon can't start: ${errorText(error)}`, undefined, error)
}
