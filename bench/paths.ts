import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Compiled files are in dist/bench; what people read and keep is in bench.
export const repositoryDir = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const benchDir = join(repositoryDir, 'bench')
