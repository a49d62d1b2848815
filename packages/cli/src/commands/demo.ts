// Everything from nothing: two registries in this process, content from a seed, the real client and the real engine between.
import { startEmbeddedRegistry } from '@longshore/testing'
import { parseSpec } from '@longshore/spec'
import { everyBlob } from '@longshore/transfer'
import { readConfig } from '../config.ts'
import { demoImages, seedDemo } from '../demo-content.ts'
import { ExitCode } from '../exit-code.ts'
import { formatSummary } from '../summary.ts'
import { formatVerification } from '../verification-table.ts'
import { runMigration } from './migrate.ts'
import { checkOnce } from './verify.ts'

/** Bytes per second: fast enough not to bore, slow enough to watch. */
const pace = 20e6

export async function demoCommand(): Promise<ExitCode> {
  await using source = await startEmbeddedRegistry()
  await using destination = await startEmbeddedRegistry()
  seedDemo(source)
  say(`Two registries are up on this machine: ${source.host} holds ${demoImages.length} images, ${destination.host} is empty.`)
  say(`Running: longshore migrate images.txt --from ${source.host} --to ${destination.host}/mirror --src-tls-verify=false --dest-tls-verify=false --concurrency 6 --max-bandwidth 20MB/s`)

  const access = { srcTlsVerify: false, destTlsVerify: false, srcNoCreds: true, destNoCreds: true }
  // Traffic to this machine is nobody else's business, whatever proxies there are.
  const { proxy: _, ...config } = readConfig()
  const { migration } = await parseSpec({ name: 'images.txt', content: `${demoImages.join('\n')}\n` }, { from: source.host, to: [`${destination.host}/mirror`] })
  const run = await runMigration(migration, { ...access, maxBandwidth: pace, concurrency: 6 }, config, { keepsEntries: false })
  process.stdout.write(`\n${formatSummary(run.tally, { ms: run.ms, stopped: run.result.stopped, registries: run.registries, files: [] })}`)
  if (run.interrupted) return ExitCode.interrupted

  say('\nRunning: longshore verify images.txt ... --deep')
  const { verification, unlisted, wrongExtra, unsearched } = await checkOnce(migration, { ...access, deep: everyBlob }, config)
  process.stdout.write(formatVerification(verification, unlisted, everyBlob, wrongExtra, unsearched))
  const again = await runMigration(migration, { ...access, quiet: true }, config, { keepsEntries: false })
  say(`\nRunning it once more moves nothing: ${again.tally.present} of ${again.tally.found} images are already there (${again.tally.blobs.pushed} blobs copied).`)
  say(`
Now for real. Write the names of your images into images.txt, one a line, then:
  bin/longshore plan images.txt --to registry.example.com/mirror       # what would be moved
  bin/longshore migrate images.txt --to registry.example.com/mirror    # move it
bin/longshore migrate --help says the rest.`)
  return verification.findings.length > 0 || run.tally.failed > 0 || again.tally.copied > 0 ? ExitCode.failed : ExitCode.ok
}

function say(text: string): void { process.stdout.write(`${text}\n`) }
