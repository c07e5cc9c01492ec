import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { benchDir } from './paths.js'

/** How the packages that only the harness needs get here. */
export const INSTALL_PACKAGES = 'npm ci --prefix bench'

// They are in bench/node_modules, where compiled files would not find them by themselves.
const fromBench = createRequire(join(benchDir, 'package.json'))

/**
 * Loads a package of bench/package.json. The harness has to compile where none is installed, so the
 * caller names the few things it uses as the type.
 * @throws Error when it is not installed.
 */
export function loadPackage<T>(name: string): T {
  return fromBench(name) as T
}

/** @returns `undefined` when it is not installed. */
export function packageVersion(name: string): string | undefined {
  return versionIn(join(benchDir, 'node_modules', name))
}

/** The version of the package in a folder, if there is one. */
export function versionIn(folder: string): string | undefined {
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  } catch {
    return undefined
  }
}
