/** A number for people, such as 1,234,567. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Bytes for people, such as 1.5 MiB. */
export function bytes(value: number): string {
  const power = value < 1 ? 0 : Math.min(Math.floor(Math.log2(value) / 10), UNITS.length - 1)
  const scaled = value / 1024 ** power
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${UNITS[power]}`
}

/** A point in time in the reader's own time zone; a dash for none. */
export function time(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '-'
  const at = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

const STEPS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** A length of time in its one or two largest units, such as 2 h 5 min. */
export function duration(ms: number): string {
  let rest = Math.max(ms, 0)
  const parts: string[] = []
  for (const [unit, length] of STEPS) {
    const whole = Math.floor(rest / length)
    if (whole === 0) continue
    parts.push(`${whole} ${unit}`)
    rest -= whole * length
    if (parts.length === 2) break
  }
  return parts.join(' ') || '0 s'
}

/** How long ago; a dash for never. */
export function ago(ms: number | null | undefined): string {
  return ms === null || ms === undefined ? '-' : `${duration(Date.now() - ms)} ago`
}

/** How long it still takes; a dash for what never comes. */
export function left(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '-'
  return ms <= Date.now() ? 'over' : duration(ms - Date.now())
}

/** A range of ports as rules write it. */
export function ports({ min, max }: { readonly min: number; readonly max: number }): string {
  if (min === 0 && max === 0xffff_ffff) return '*'
  return min === max ? String(min) : `${min}-${max}`
}
