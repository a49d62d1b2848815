// The grammar of the commands that are services.
import { type Command, Option } from 'commander'
import type { ExitCode } from './exit-code.ts'
import { addOwnAccessOptions } from './flags.ts'

export function addServiceCommands(program: Command, done: (code: ExitCode) => void): void {
  const worker = program.command('worker')
    .summary('take work from a Redis, until told to stop')
    .description(`Moves images for every migration of a Redis: start as many as the registries bear, anywhere. It keeps nothing: any of them may be
killed at any moment. SIGTERM and Ctrl-C let it finish what fits into the grace period and hand the rest back.
Each flag has a variable of the environment, in (); flags win. Logs are JSON lines on stdout.`)
  addServiceOptions(worker, '0.0.0.0:8081', 'opens /metrics')
    .option('--grace <SECONDS>', 'what work in hand is given to arrive (LONGSHORE_GRACE_SECONDS; default: 25)')
    .option('--blobs <N>', 'how many jobs of blobs are taken at once; small ones share a job (LONGSHORE_BLOBS; default: 16)')
    .option('--images <N>', 'how many images are looked at at once (LONGSHORE_IMAGES; default: 128)')
  addOwnAccessOptions(worker)
  worker.addHelpText('after', `
Serves /healthz, /readyz and /metrics. /metrics wants the token of LONGSHORE_METRICS_TOKEN (or LONGSHORE_TOKEN), unless
LONGSHORE_METRICS_OPEN=true.

Examples:
  longshore worker --redis redis://redis.example.com:6379
  REGISTRY_AUTH_FILE=auth.json longshore worker --redis rediss://redis.example.com:6380 --blobs 8 --listen 127.0.0.1:9001`)
  worker.action(async (flags) => {
    const { workerCommand } = await import('./commands/worker.ts')
    done(await workerCommand(flags))
  })

  const coordinator = program.command('coordinator')
    .summary('lead the migrations of a Redis and serve the API')
    .description(`Leads the migrations of a Redis and serves the API (docs/api.md) to which submit, status, watch and the others talk. Several may
run: each migration is led by one of them, and by another when that one dies. Workers do the moving: longshore worker.
Each flag has a variable of the environment, in (); flags win. Logs are JSON lines on stdout.`)
  addServiceOptions(coordinator, '0.0.0.0:8080', 'everybody needs it who uses the API; make one with openssl rand -hex 32')
  coordinator.option('--allow-hooks', 'call the commands and addresses (hooks) of the specs that are submitted: whoever may submit may run them here (LONGSHORE_ALLOW_HOOKS; default: refused)')
  addOwnAccessOptions(coordinator)
  coordinator.addHelpText('after', `
It lists tags and catalogs, so it needs credentials of its own for what is listed. LONGSHORE_ALLOWED_REGISTRIES=GLOB,... limits which registries
migrations may name. Registries tell it what has changed with the secret of LONGSHORE_NOTIFICATION_SECRET (or _FILE).

A token is made with: openssl rand -hex 32 >token

Examples:
  longshore coordinator --redis redis://redis.example.com:6379 --token-file token
  LONGSHORE_INSECURE_NO_TOKEN=true longshore coordinator --redis redis://127.0.0.1 --listen 127.0.0.1:8080`)
  coordinator.action(async (flags) => {
    const { coordinatorCommand } = await import('./commands/coordinator.ts')
    done(await coordinatorCommand(flags))
  })
}

function addServiceOptions(command: Command, listen: string, token: string): Command {
  return command.optionsGroup('The service:')
    .option('--redis <URL>', 'redis://HOST, rediss://, redis+sentinel://, redis+cluster://, unix:// (LONGSHORE_REDIS_URL)')
    .option('--listen <HOST:PORT>', `where HTTP is served (LONGSHORE_LISTEN; default: ${listen})`)
    .option('--token-file <FILE>', `holds the token: ${token} (LONGSHORE_TOKEN_FILE, LONGSHORE_TOKEN)`)
    .addOption(new Option('--log-level <LEVEL>', 'what is logged (LONGSHORE_LOG_LEVEL; default: info)').choices(['debug', 'info', 'warn', 'error', 'silent']))
    .option('--record-hours <N>', 'how long the record of a migration is kept after its end (LONGSHORE_RECORD_HOURS; default: 168)')
}
