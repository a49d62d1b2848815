/** A table in Markdown; `left`: the columns of words. */
export function formatRows(columns: readonly string[], rows: ReadonlyArray<readonly string[]>, left: ReadonlySet<number> = new Set([0])): string {
  const widths = columns.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, i) => (left.has(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`
  return [line(columns), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}
