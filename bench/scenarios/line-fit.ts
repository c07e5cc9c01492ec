/** A straight line through points, by least squares. */
export interface LineFit {
  /** Of y for each unit of x. */
  readonly slope: number
  /** Standard error of the slope. */
  readonly slopeError: number
}

/** @param points at least three, as x and y. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): LineFit {
  const count = points.length
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  const spreadX = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spreadX
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return { slope, slopeError: Math.sqrt(rest / (count - 2) / spreadX) }
}
