type Field = string | number | boolean | object | null

/**
 * A heading and a line of CSV (RFC 4180, but for the ends of lines) for one thing: what is in things
 * within it stands under names such as `latencyUs.p50`, and what is null is an empty field.
 */
export function csvText(value: object): string {
  const fields = fieldsOf(value, '')
  const line = (texts: readonly string[]): string => texts.map(quoted).join(',')
  return `${line(fields.map(([name]) => name))}\n${line(fields.map(([, text]) => text))}`
}

function fieldsOf(value: object, prefix: string): [name: string, text: string][] {
  const fields = Object.entries(value) as [string, Field][]
  return fields.flatMap(([name, field]) => {
    if (typeof field === 'object' && field !== null) return fieldsOf(field, `${prefix}${name}.`)
    return [[`${prefix}${name}`, field === null ? '' : String(field)]]
  })
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
