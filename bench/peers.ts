import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { INSTALL_PACKAGES, packageVersion, versionIn } from './packages.js'
import { repositoryDir } from './paths.js'

/** What a system that v4vd is compared with needs on this machine. */
export interface PeerNeeds {
  /** A package of bench/package.json. */
  readonly package?: string
  readonly server?: PeerServer
}

export interface PeerServer {
  readonly command: string
  /** What has it in Debian. */
  readonly debianPackage: string
  /** Arguments that make it say its version. */
  readonly versionArgs: readonly string[]
}

/** Debian keeps servers where only root looks. */
const SERVER_DIRS = ['/usr/sbin', '/usr/local/sbin']

/** @returns how to install what is missing, in one line, or `undefined` when all is there. */
export function missingFor({ package: name, server }: PeerNeeds): string | undefined {
  const missing: string[] = []
  if (server !== undefined && commandPath(server.command) === undefined) {
    missing.push(`${server.command} ("apt-get install ${server.debianPackage}" or its own site)`)
  }
  if (name !== undefined && packageVersion(name) === undefined) {
    missing.push(`the package ${name} ("${INSTALL_PACKAGES}")`)
  }
  return missing.length === 0 ? undefined : `needs ${missing.join(' and ')}`
}

/** The same for sharing memory, and for polling that gives way to others. */
export function missingForSharing(): string | undefined {
  const isThere = versionIn(join(repositoryDir, 'node_modules', 'koffi')) !== undefined
  if (process.platform === 'linux' && isThere) return undefined
  return 'needs Linux and the optional package koffi ("npm ci" installs it where it can)'
}

/** Versions of what is there, by name. */
export function versionsOf({ package: name, server }: PeerNeeds): Record<string, string> {
  const versions: Record<string, string> = {}
  const serverVersion = server && versionOfServer(server)
  if (server !== undefined && serverVersion !== undefined) versions[server.command] = serverVersion
  const version = name === undefined ? undefined : packageVersion(name)
  if (name !== undefined && version !== undefined) versions[name] = version
  return versions
}

/** Where a command is, if it is installed. */
export function commandPath(command: string): string | undefined {
  const dirs = (process.env['PATH'] ?? '').split(delimiter).concat(SERVER_DIRS)
  return dirs.map(dir => join(dir, command)).find(path => existsSync(path))
}

function versionOfServer({ command, versionArgs }: PeerServer): string | undefined {
  const path = commandPath(command)
  if (path === undefined) return undefined
  try {
    return /\d+(\.\d+)+/.exec(execFileSync(path, versionArgs, { encoding: 'utf8' }))?.[0]
  } catch (error) {
    // mosquitto says it and then ends as if something had gone wrong.
    const { stdout } = error as { stdout?: string }
    return /\d+(\.\d+)+/.exec(stdout ?? '')?.[0]
  }
}
