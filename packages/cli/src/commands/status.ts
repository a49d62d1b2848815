import stringWidth from 'string-width'
import { printable } from '@longshore/oci'
import { ExitCode } from '../exit-code.ts'
import type { StatusFlags } from '../flags.ts'
import { count, formatBytes, formatDuration, formatNumber } from '../format.ts'
import { migrationSchema, type RemoteMigration, workersSchema } from '../remote-client.ts'
import { connectRemote } from '../remote.ts'

/** Those that are shown when none is named. */
const shown = 30

export async function statusCommand(text: string | undefined, flags: StatusFlags): Promise<ExitCode> {
  const client = connectRemote(flags)
  if (text !== undefined) {
    const migration = await client.json(`/migrations/${await client.idOf(text)}`, migrationSchema)
    process.stdout.write(flags.json === true ? `${JSON.stringify(migration)}\n` : formatMigration(migration))
    return ExitCode.ok
  }
  const { workers } = await client.json('/workers', workersSchema)
  const migrations: RemoteMigration[] = []
  let more = 0
  for await (const migration of client.migrations()) {
    if (flags.json === true || migrations.length < shown) migrations.push(migration)
    else more++
  }
  process.stdout.write(flags.json === true ? `${JSON.stringify({ migrations, workers })}\n` : formatMigrations(migrations, more, workers.map(({ role }) => role)))
  return ExitCode.ok
}

export function formatMigrations(migrations: readonly RemoteMigration[], more: number, roles: readonly string[]): string {
  const rows = migrations.map((migration) => {
    const { id, name = '', state, created, images: { found, copied, present, failed }, expanded, blobs, etaMs } = migration
    return [
      id, state, `${formatNumber(copied + present)}/${formatNumber(found)}${expanded ? '' : '+'}`, failed === 0 ? '' : formatNumber(failed), formatBytes(blobs.pushed.bytes),
      etaMs === undefined ? '' : formatDuration(etaMs), created.slice(0, 16).replace('T', ' '), printable(name),
    ]
  })
  const workers = roles.filter((role) => role === 'worker').length
  return [
    ...(rows.length === 0 ? ['no migrations are known\n'] : [table([['ID', 'STATE', 'IMAGES', 'FAILED', 'SENT', 'LEFT', 'CREATED (UTC)', 'NAME'], ...rows])]),
    ...(more > 0 ? [`and ${formatNumber(more)} older; --json lists them all\n`] : []),
    `${count(workers, 'worker')} and ${count(roles.length - workers, 'coordinator')} alive\n`,
  ].join('')
}

export function formatMigration(migration: RemoteMigration): string {
  const { id, name, task, state, created, ended, error, images, expanded, blobs, expectedBytes, manifests, workers, led, elapsedMs, etaMs } = migration
  const isOver = ended !== undefined
  const rows: ReadonlyArray<readonly [string, string]> = [
    ['migration', [id, ...(name === undefined ? [] : [printable(name)]), ...(task === 'migrate' ? [] : [`a ${task}`])].join(', ')],
    ['state', `${state}${isOver || led ? '' : ', not led by any coordinator at the moment'}`],
    ...(error === undefined ? [] : [['because', printable(`${error.message} (${error.code})`)] as const]),
    ['images', [`${formatNumber(images.copied)} copied`, `${formatNumber(images.present)} already there`, `${formatNumber(images.failed)} failed`, ...(images.open > 0 ? [`${formatNumber(images.open)} open`] : []),
      `of ${formatNumber(images.found)}${expanded ? '' : ' found so far'}`].join(', ')],
    ['blobs', `${formatNumber(blobs.pushed.count)} copied (${formatBytes(blobs.pushed.bytes)}), ${formatNumber(blobs.mounted.count)} mounted (${formatBytes(blobs.mounted.bytes)}), ${formatNumber(blobs.existed.count)} already there`],
    ...(isOver ? [] : [['expected', formatBytes(expectedBytes)] as const]),
    ['manifests', `${formatNumber(manifests)} put`],
    ['begun', created], ...(ended === undefined ? [] : [['ended', ended] as const]),
    ['elapsed', `${formatDuration(elapsedMs)}${etaMs === undefined ? '' : `, about ${formatDuration(etaMs)} left`}`],
    ...(isOver ? [] : [['workers', formatNumber(workers)] as const]),
  ]
  return rows.map(([title, text]) => `${title.padEnd(11)}${text}\n`).join('')
}

function table(rows: ReadonlyArray<readonly string[]>): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => stringWidth(row[i] ?? '')))) ?? []
  return rows.map((row) => `${row.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - stringWidth(cell))).join('  ').trimEnd()}\n`).join('')
}
