// The flags, as commander hands them over: one type and one place of definition for what commands share.
import type { AccessOptions } from '@longshore/access'
import type { MappingFormat } from '@longshore/mapping'
import type { Platform } from '@longshore/oci'
import type { SpecFormat } from '@longshore/spec'
import type { Sample } from '@longshore/transfer'
import { type Command, Option } from 'commander'
import { collect, parseBandwidth, parseBoolean, parseCount, parsePlatforms } from './parse-value.ts'
import { UsageError } from './usage-error.ts'

/** Not those of the package: its modules are not loaded for --help. */
const specFormats = ['list', 'yaml', 'kubernetes', 'skopeo', 'image-syncer', 'regsync', 'dregsy'] as const satisfies readonly SpecFormat[]

/** Those of the package of the same name. */
export const mappingFormats = ['csv', 'containerd', 'registries-conf', 'kustomize', 'rollback'] as const satisfies readonly MappingFormat[]

export interface SpecFlags {
  readonly format?: SpecFormat
  readonly from?: string
  readonly to?: readonly string[]
  readonly fromForAll?: boolean
  readonly platform?: readonly Platform[]
  readonly platformPolicy?: 'sparse' | 'strip'
  readonly referrers?: boolean
  readonly foreignLayers?: 'keep' | 'copy'
}

/** Only names count: what of an image is carried does not change them. */
export interface MappingFlags extends Pick<SpecFlags, 'from' | 'to' | 'fromForAll'>, AccessOptions {
  readonly specFormat?: SpecFormat
  readonly format?: MappingFormat
  readonly output?: string
  readonly byDigest?: boolean
  readonly quiet?: boolean
  readonly debug?: boolean
}

export interface OutputFlags { readonly json?: boolean; readonly quiet?: boolean; readonly debug?: boolean }

/** Over Redis, with workers; all of it here, in one process, where none is named. */
export interface PoolFlags {
  readonly redis?: string
  /** Workers to start here. */
  readonly workers?: number
}

/** Whether the work is to be shared over Redis. */
export function isPool({ redis, workers }: PoolFlags): boolean { return redis !== undefined || workers !== undefined }

export interface MigrateFlags extends SpecFlags, AccessOptions, OutputFlags, PoolFlags {
  readonly dryRun?: boolean
  readonly report?: string
  readonly failed?: string
  readonly keepGoing?: boolean
  /** From one storage tree to another: files are linked unread, and so unchecked. */
  readonly trustStorage?: boolean
}

export type PlanFlags = SpecFlags & AccessOptions & OutputFlags & PoolFlags

export interface VerifyFlags extends SpecFlags, AccessOptions, OutputFlags, PoolFlags {
  readonly deep?: Sample
  readonly extra?: 'list' | 'fail' | 'ignore'
  /** Files of public keys. */
  readonly signedBy?: readonly string[]
  readonly repair?: boolean
}

/** Where a cutover is kept. */
export interface CutoverStateFlags { readonly state?: string }

/** And of one that is kept in Redis: seen there, or through a coordinator. */
export interface CutoverPlaceFlags extends CutoverStateFlags, RemoteFlags { readonly redis?: string }

export interface CutoverFlags extends SpecFlags, AccessOptions, OutputFlags, PoolFlags, CutoverPlaceFlags {
  /** Where registries may tell what has changed. */
  readonly listen?: string
  readonly name?: string
  readonly untilDelta?: number
  readonly again?: boolean
  readonly prune?: boolean
  readonly report?: string
  readonly reportMd?: string
}

export interface PruneFlags extends SpecFlags, AccessOptions, OutputFlags {
  readonly apply?: boolean
  /** Per cent. */
  readonly ceiling?: number
  readonly backupTag?: string
  readonly missingRepositories?: boolean
}

/** A flag that means yes by itself and takes its value only behind `=`, as skopeo's do. */
export function booleanOption(name: string, description: string): Option {
  return new Option(`--${name} [BOOL]`, description).argParser(parseBoolean)
}

export function addSpecOptions(command: Command): Command {
  return addNameOptions(command, '--format')
    .option('--platform <OS/ARCH[/VARIANT]>', 'carry only these children of an index (comma-separated, may be given again); an image that is not multi-platform is carried whatever it is for', parsePlatforms)
    .addOption(new Option('--platform-policy <POLICY>', 'with --platform: leave the index as it is (sparse, the default; a later run with more platforms adds them), or write one that lists only what was carried (strip)').choices(['sparse', 'strip']))
    .addOption(booleanOption('referrers', 'carry signatures, SBOMs and other referrers along (default: true)'))
    .addOption(new Option('--foreign-layers <POLICY>', 'leave layers that live at other URLs there (keep, the default), or carry them (copy)').choices(['keep', 'copy']))
}

/** What images are called at both ends. @param formatFlag says what SPEC is */
export function addNameOptions(command: Command, formatFlag: '--format' | '--spec-format'): Command {
  return command.optionsGroup('What is moved, and where to:')
    .option('--from <HOST[/PREFIX]>', 'where names without a registry are read (default: docker.io)')
    .option('--to <HOST[/PREFIX]>', 'where images go; the path is kept below the prefix (may be given again)', collect)
    .addOption(booleanOption('from-for-all', 'read full references of other registries from --from too: it mirrors them'))
    .addOption(new Option(`${formatFlag} <FORMAT>`, 'what SPEC is; told by its content otherwise').choices(specFormats))
}

export function addTlsVerifyOptions(command: Command): Command {
  return command.optionsGroup('Registries:')
    .addOption(booleanOption('src-tls-verify', 'verify the source\'s certificate (default: true); false also allows plain HTTP'))
    .addOption(booleanOption('dest-tls-verify', 'the same for the destination'))
}

export function addAccessOptions(command: Command): Command { return addOwnAccessOptions(addTlsVerifyOptions(command)) }

/** What is a process' own business: whether TLS is verified is the migration's. */
export function addOwnAccessOptions(command: Command): Command {
  command.optionsGroup('Registries:')
    .option('--authfile <FILE>', 'credentials for both sides (default: where podman and docker login keep them)')
  for (const [side, name] of [['src', 'source'], ['dest', 'destination']] as const) {
    command
      .option(`--${side}-authfile <FILE>`, `credentials for the ${name}`)
      .option(`--${side}-creds <USER[:PASS]>`, `credentials for the ${name}; others on this machine may see them, an authfile they may not`)
      .option(`--${side}-username <USER>`, `with --${side}-password, as --${side}-creds`)
      .option(`--${side}-password <PASS>`, `with --${side}-username`)
      .option(`--${side}-registry-token <TOKEN>`, `a bearer token for the ${name}`)
      .option(`--${side}-no-creds`, `no credentials for the ${name}, whatever is stored`)
      .option(`--${side}-cert-dir <DIR>`, `*.crt, *.cert and *.key for the ${name} (default: certs.d)`)
  }
  return command
    .addOption(new Option('--registries-conf <FILE>', 'in place of the user\'s and the system\'s registries.conf').hideHelp())
    .option('--concurrency <N>', 'the most requests at once to one registry; adapts below it (default: 256)', parseCount)
    .option('--max-bandwidth <RATE>', 'bytes per second that are read, such as 50MB/s or 6.5MiB/s', parseBandwidth)
}

export function addPoolOptions(command: Command): Command {
  return command.optionsGroup('Many workers:')
    .option('--redis <URL>', 'share the work with the workers of this Redis: redis://HOST, rediss://, redis+sentinel://, redis+cluster://')
    .option('--workers <N>', 'with --redis: start so many workers here', parseCount)
}

export function addOutputOptions(command: Command): Command {
  return command.optionsGroup('Output:')
    .option('--json', 'JSON on stdout, for programs')
    .option('--quiet', 'no progress, only the result')
    .option('--debug', 'say where errors come from: of each failed image the whole chain, with codes')
}

/** Of a service: text, which is checked together with the variables that it stands for. */
export interface ServiceFlags extends AccessOptions {
  readonly redis?: string
  readonly listen?: string
  readonly tokenFile?: string
  readonly logLevel?: string
  readonly recordHours?: string
}
export interface CoordinatorFlags extends ServiceFlags { readonly allowHooks?: boolean }
export interface WorkerFlags extends ServiceFlags { readonly grace?: string; readonly blobs?: string; readonly images?: string }

/** Which coordinator, and what opens it. */
export interface RemoteFlags { readonly server?: string; readonly tokenFile?: string; readonly debug?: boolean }
export interface SubmitFlags extends SpecFlags, RemoteFlags, OutputFlags {
  readonly srcTlsVerify?: boolean
  readonly destTlsVerify?: boolean
  readonly keepGoing?: boolean
  readonly name?: string
  readonly watch?: boolean
}
export type WatchFlags = RemoteFlags & OutputFlags
export interface StatusFlags extends RemoteFlags { readonly json?: boolean }
export interface ReportFlags extends RemoteFlags { readonly failed?: boolean; readonly output?: string }

/** @param isChosen by the flag alone: without it the command works by itself */
export function addServerOptions(command: Command, isChosen = false): Command {
  return command.optionsGroup(isChosen ? 'A coordinator:' : 'The coordinator:')
    .option('--server <URL>', isChosen ? 'a coordinator has it: where that is, such as http://coordinator.example.com:8080' : 'where it is, such as http://coordinator.example.com:8080 (default: LONGSHORE_SERVER)')
    .option('--token-file <FILE>', 'holds its token (default: LONGSHORE_TOKEN, LONGSHORE_TOKEN_FILE)')
}

/** The values that flags may have behind a `=`, by how their help writes them; and what the bare flag means. */
const bareValues = new Map([['[BOOL]', 'true'], ['[PERCENT%]', '100%']])

/** How help writes a flag whose value needs a `=`. */
export function optionTerm({ flags }: Pick<Option, 'flags'>): string { return flags.replace(/ \[(BOOL|PERCENT%)\]$/, '[=$1]') }

/** Flags that take no value unless it follows a `=`; their bare form is spelled out, so that it does not swallow a SPEC. @throws UsageError */
export function spellOutBooleans(args: readonly string[], command: Command): readonly string[] {
  // Only of the command that is called: --debug, say, takes a value of others.
  const called = command.commands.find((c) => c.name() === args.find((arg) => !arg.startsWith('-')))
  const bare = new Map([command, ...called ? [called] : command.commands].flatMap((c) => c.options).map(({ flags, long }) => [long, bareValues.get(flags.split(' ').at(-1) ?? '')] as const))
  const end = args.indexOf('--')
  return args.map((arg, i) => {
    const value = bare.get(arg)
    if (value === undefined || (end >= 0 && i > end)) return arg
    const next = args[i + 1] ?? ''
    if (value === 'true' ? next === 'true' || next === 'false' : /^[\d.]+%/.test(next)) throw new UsageError(`${arg} takes its value behind a "=": write ${arg}=${next} (or ./${next} where that is the name of a file)`)
    return `${arg}=${value}`
  })
}
