import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'
import { escapeUnprintable, isPrintable, printableJson } from './printable.js'

/**
 * YAML of what would be printed as JSON, without a newline at its end. Readers of YAML 1.1 take it
 * for the same, and nothing in it is obeyed by a terminal.
 */
export function yamlText(value: unknown): string {
  // Loaded only for those who ask for it: all the others start faster without.
  const yaml = createRequire(import.meta.url)('yaml') as typeof Yaml
  const document = new yaml.Document(JSON.parse(printableJson(value)), {
    aliasDuplicateObjects: false,
    compat: 'yaml-1.1',
  })
  yaml.visit(document, {
    Scalar(_key, node) {
      // In double quotes such characters can be escaped.
      if (typeof node.value === 'string' && !isPrintable(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
  return escapeUnprintable(document.toString({ lineWidth: 0 })).trimEnd()
}
