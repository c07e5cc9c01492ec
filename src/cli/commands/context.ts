import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { readTokenFile } from '../admin-client.js'
import { command, contextOption, group, withOutput, type OutputOptions } from '../command.js'
import { contextProblem, type Context } from '../context.js'
import { Contexts } from '../contexts.js'
import { parseDaemonUrl, URL_FORMS } from '../daemon-url.js'
import { errorLine, EXIT, failed, usage } from '../fail.js'
import { column, note, printDone, printRows, printThing } from '../output.js'

interface AddOptions extends OutputOptions {
  readonly url?: string
  readonly state?: string
  readonly socket?: string
  readonly tokenFile?: string
  readonly use?: true
  readonly replace?: true
}

const HELP = `
A context is a name for a daemon. It is a file of yours, in $XDG_CONFIG_HOME/v4v or ~/.config/v4v,
and no daemon knows of it. A command takes the first of these that says where its daemon is:
  --url, --state or --context
  $V4V_URL and $V4V_STATE; $V4V_ADMIN_TOKEN comes before the token file of a context
  the context in $V4V_CONTEXT, else the current one
  the local daemon`

/** `v4v context`: names for daemons. */
export function contextCommand(): Command {
  return group(
    'context',
    'give daemons names, and choose the one that is meant',
    [
      'v4v context add prod --url https://v4v.example --token-file ~/.config/v4v/prod.token',
      'v4v context use prod',
      'v4v --context prod domain ls',
    ],
    [add(), list(), use(), show(), remove()],
  ).addHelpText('after', HELP)
}

function add(): Command {
  return withOutput(
    command('add', 'give a daemon a name', [
      'v4v context add prod --url https://v4v.example --token-file ~/.config/v4v/prod.token --use',
      'v4v context add lab --state /var/lib/v4v-lab',
      'v4v context add web --socket /run/v4v/domains/web.sock',
    ]),
  )
    .argument('<name>', 'A-Z a-z 0-9 . _ -')
    .option('--url <url>', 'where the daemon is, such as https://v4v.example')
    .option('--state <dir>', 'the state folder of a daemon on this machine, instead of a URL')
    .option('--socket <path>', 'a Unix socket for send, listen and ping')
    .option('--token-file <path>', 'a file with the admin token, which only you may read')
    .option('--use', 'make it the current one')
    .option('--replace', 'also when there is one of this name')
    .action(async (name: string, options: AddOptions) => {
      const { url, state, socket, tokenFile } = options
      if (url !== undefined && parseDaemonUrl(url) === undefined) {
        const what = `${JSON.stringify(url)} is not the URL of a daemon`
        throw usage(what, `write it as ${URL_FORMS}`)
      }
      const context: Context = {
        name,
        ...(url !== undefined && { url }),
        ...(state !== undefined && { state: resolve(state) }),
        ...(socket !== undefined && { socket: resolve(socket) }),
        ...(tokenFile !== undefined && { tokenFile: resolve(tokenFile) }),
      }
      const problem = contextProblem(context)
      if (problem !== undefined) throw usage(problem)
      if (context.tokenFile !== undefined) await readTokenFile(context.tokenFile)
      const contexts = new Contexts()
      await contexts.write(context, options.replace ?? false)
      if (options.use) await contexts.use(name)
      const chosen = options.use ? ', which is the current one' : ''
      printDone(options.output, context, `added context ${name}${chosen}`)
    })
}

function list(): Command {
  return withOutput(
    command('ls', 'list the contexts; * is the one that is meant', ['v4v context ls']),
  ).action(async ({ output }: OutputOptions) => {
    const contexts = new Contexts()
    const chosen = await contexts.chosenName()
    const rows: (Context & { readonly current: boolean })[] = []
    for (const name of await contexts.names()) {
      try {
        rows.push({ ...(await contexts.read(name)), current: name === chosen })
      } catch (error) {
        note(errorLine(error))
        process.exitCode = EXIT.failed
      }
    }
    printRows(
      output,
      rows,
      [
        column('CURRENT', c => (c.current ? '*' : '')),
        column('NAME', c => c.name),
        column('DAEMON', c => c.url ?? c.state ?? '-'),
        column('SOCKET', c => c.socket ?? '-'),
        column('TOKEN FILE', c => c.tokenFile ?? '-'),
      ],
      'there are no contexts; add one with: v4v context add NAME --url URL',
    )
    if (chosen !== undefined) noteWhatComesBefore(['V4V_URL', 'V4V_STATE'])
  })
}

function use(): Command {
  return withOutput(
    command('use', 'make a context the current one', [
      'v4v context use prod',
      'v4v context use --none',
    ]),
  )
    .argument('[name]', 'as "v4v context ls" shows it')
    .option('--none', 'have none: then the local daemon is meant')
    .action(async (name: string | undefined, options: OutputOptions & { none?: true }) => {
      if ((name === undefined) !== (options.none ?? false)) {
        throw usage('either a context is the current one or none is', 'give a NAME, or --none')
      }
      await new Contexts().use(name)
      const said =
        name === undefined ? 'no context is the current one' : `${name} is the current one`
      printDone(options.output, { current: name ?? null }, said)
      noteWhatComesBefore(['V4V_URL', 'V4V_STATE', 'V4V_CONTEXT'])
    })
}

function show(): Command {
  return withOutput(
    command('show', 'show a context', ['v4v context show', 'v4v context show prod -o json']),
  )
    .argument('[name]', 'else the one that is meant')
    .addOption(contextOption().hideHelp())
    .action(async (name: string | undefined, options: OutputOptions & { context?: string }) => {
      const contexts = new Contexts()
      const asked = name ?? options.context
      const context = asked === undefined ? await contexts.chosen() : await contexts.read(asked)
      if (context === undefined) throw failed('no context is chosen', 'see "v4v context ls"')
      const { url, state, socket, tokenFile } = context
      const path = contexts.pathOf(context.name)
      const absent = tokenFile !== undefined && !existsSync(tokenFile) ? ' (not there)' : ''
      printThing(options.output, { ...context, path }, [
        ['name', context.name],
        ['url', url ?? '-'],
        ['state', state ?? '-'],
        ['socket', socket ?? '-'],
        ['token file', `${tokenFile ?? '-'}${absent}`],
        ['kept in', path],
      ])
    })
}

function remove(): Command {
  return withOutput(command('rm', 'forget a context', ['v4v context rm lab']))
    .argument('<name>', 'as "v4v context ls" shows it')
    .action(async (name: string, { output }: OutputOptions) => {
      await new Contexts().remove(name)
      printDone(output, { name }, `removed context ${name}`)
    })
}

/** Nobody shall wonder why the current context is not the one that is asked. */
function noteWhatComesBefore(names: readonly string[]): void {
  const set = names.find(name => process.env[name])
  if (set !== undefined) note(`${set} is set and comes before the current one`)
}
