#!/usr/bin/env node
import { EXIT } from './fail.js'
import { runProgram } from './program.js'

// A daemon must not end because the terminal that it was started from did.
process.stderr.on('error', () => undefined)
// Whoever reads our output may have had enough of it, as in `v4v rule ls | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

const exitCode = await runProgram(process.argv.slice(2))
if (exitCode !== undefined) process.exitCode = exitCode
