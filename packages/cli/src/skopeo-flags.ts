// skopeo's flags, in the groups that its commands share (FIELD.md §1.2-1.5). A command takes a group with one call.
import { type Command, Option } from 'commander'
import { parseGoBool, parseGoDuration, parseGoInt, parseInts, parseStrings } from './skopeo/flag-values.ts'
import { SkopeoError } from './skopeo/skopeo-error.ts'

export interface GlobalFlags {
  readonly overrideArch?: string
  readonly overrideOs?: string
  readonly overrideVariant?: string
  readonly policy?: string
  readonly insecurePolicy?: boolean
  readonly requireSigned?: boolean
  readonly 'registries.d'?: string
  readonly registriesConf?: string
  readonly tmpdir?: string
  /** Milliseconds; 0 is for ever. */
  readonly commandTimeout?: number
  readonly debug?: boolean
  readonly tlsVerify?: boolean
  readonly userAgentPrefix?: string
}

/** How one image's place is reached, without a prefix. */
export interface ImageFlags {
  readonly authfile?: string
  readonly creds?: string
  readonly username?: string
  readonly password?: string
  readonly registryToken?: string
  readonly certDir?: string
  readonly noCreds?: boolean
  readonly tlsVerify?: boolean
  readonly daemonHost?: string
  readonly sharedBlobDir?: string
}

export interface RetryFlags { readonly retryTimes?: number; /** Milliseconds. */ readonly retryDelay?: number }

/** What copy and sync share. */
export interface CopyFlags {
  readonly removeSignatures?: boolean
  readonly signBy?: string
  readonly signBySqFingerprint?: string
  readonly signBySigstore?: string
  readonly signBySigstorePrivateKey?: string
  readonly signPassphraseFile?: string
  readonly format?: string
  readonly preserveDigests?: boolean
}

/** A flag that is true by itself and takes a value only behind `=`. */
export function boolFlag(flags: string, description: string): Option {
  const option = new Option(`${flags} [BOOL]`, description).argParser(parseGoBool)
  // `--no-tags` is a flag of its own, not the opposite of `--tags`.
  option.negate = false
  return option
}

export function textFlag(flags: string, description: string): Option { return new Option(flags, description) }
export function intFlag(flags: string, description: string): Option { return new Option(flags, description).argParser(parseGoInt) }
/** Milliseconds. */
export function durationFlag(flags: string, description: string): Option { return new Option(flags, description).argParser(parseGoDuration) }
export function textsFlag(flags: string, description: string): Option { return new Option(flags, description).argParser(parseStrings) }
export function intsFlag(flags: string, description: string): Option { return new Option(flags, description).argParser(parseInts) }

function add(command: Command, heading: string, options: readonly Option[]): Command {
  command.optionsGroup(heading)
  for (const option of options) command.addOption(option)
  return command
}

/** The flags that may stand before the command as well as behind it. */
export function globalOptions(): readonly Option[] {
  return [
    textFlag('--override-arch <ARCH>', 'choose images for this architecture rather than the machine\'s'),
    textFlag('--override-os <OS>', 'choose images for this operating system'),
    textFlag('--override-variant <VARIANT>', 'choose images for this variant of the architecture'),
    textFlag('--policy <FILE>', 'the trust policy (default: where containers-policy.json(5) says)'),
    boolFlag('--insecure-policy', 'check no policy'),
    boolFlag('--require-signed', 'take signed images only, whatever the policy says'),
    textFlag('--registries.d <DIR>', 'where signatures are kept, as containers-registries.d(5) says'),
    textFlag('--registries-conf <FILE>', 'another registries.conf').hideHelp(),
    textFlag('--tmpdir <DIR>', 'a directory for temporary files'),
    durationFlag('--command-timeout <DURATION>', 'end the command after this time, such as 90s or 1h30m'),
    boolFlag('--debug', 'say more about what goes wrong'),
    textFlag('--user-agent-prefix <TEXT>', 'what the User-Agent of requests begins with'),
    boolFlag('--tls-verify', 'for both sides (deprecated)').hideHelp(),
  ]
}

export function addGlobalOptions(command: Command): Command {
  // A command may have a --tls-verify of its own.
  return add(command, 'For every command:', globalOptions().filter((option) => !command.options.some(({ long }) => long === option.long)))
}

/** The unprefixed group. list-tags takes neither daemons nor shared blobs. */
export function addImageOptions(command: Command, only: 'any' | 'registry' = 'any'): Command {
  return add(command, 'The image\'s place:', [textFlag('--authfile <FILE>', 'credentials (default: where podman and docker login keep them)'), ...placeOptions('', only === 'any')])
}

/** The `src-` and `dest-` groups, and what both sides share. `sync` has neither daemons nor shared blobs. */
export function addPrefixedOptions(command: Command, only: 'any' | 'registry' = 'any'): Command {
  add(command, 'Both sides:', [textFlag('--authfile <FILE>', 'credentials for both sides (default: where podman and docker login keep them)')])
  for (const side of ['src', 'dest'] as const) {
    const name = side === 'src' ? 'The source:' : 'The destination:'
    add(command, name, [textFlag(`--${side}-authfile <FILE>`, `credentials for this side`), ...placeOptions(`${side}-`, only === 'any')])
    command.addOption(textFlag(side === 'src' ? '--screds <USER[:PASS]>' : '--dcreds <USER[:PASS]>', `as --${side}-creds`).hideHelp())
  }
  return command
}

function placeOptions(prefix: string, everywhere: boolean): readonly Option[] {
  return [
    textFlag(`--${prefix}creds <USER[:PASS]>`, 'these credentials; others on this machine may see them, an authfile they may not'),
    textFlag(`--${prefix}username <USER>`, `with --${prefix}password, as --${prefix}creds`),
    textFlag(`--${prefix}password <PASS>`, `with --${prefix}username`),
    textFlag(`--${prefix}registry-token <TOKEN>`, 'a bearer token'),
    textFlag(`--${prefix}cert-dir <DIR>`, '*.crt, *.cert and *.key for the registry or the daemon (default: certs.d)'),
    boolFlag(`--${prefix}no-creds`, 'no credentials, whatever is stored'),
    boolFlag(`--${prefix}tls-verify`, 'verify the certificate (default: true); false also allows plain HTTP'),
    ...everywhere ? [
      textFlag(`--${prefix}daemon-host <HOST>`, 'the docker daemon (docker-daemon: only)'),
      textFlag(`--${prefix}shared-blob-dir <DIR>`, 'blobs shared by several layouts (oci: only)'),
    ] : [],
  ]
}

export function addRetryOptions(command: Command): Command {
  return add(command, 'Retries:', [
    intFlag('--retry-times <N>', 'try again so often'),
    durationFlag('--retry-delay <DURATION>', 'wait so long before (default: 1s, 2s, 4s, …)'),
  ])
}

export function addCopyOptions(command: Command): Command {
  return add(command, 'What is written:', [
    boolFlag('--remove-signatures', 'leave the source\'s signatures behind'),
    textFlag('--sign-by <FINGERPRINT>', 'sign with this GPG key'),
    textFlag('--sign-by-sq-fingerprint <FINGERPRINT>', 'not taken').hideHelp(),
    textFlag('--sign-by-sigstore <PARAMFILE>', 'not taken').hideHelp(),
    textFlag('--sign-by-sigstore-private-key <FILE>', 'sign with this sigstore private key'),
    textFlag('--sign-passphrase-file <FILE>', 'holds the key\'s passphrase'),
    textFlag('-f, --format <TYPE>', 'the manifest to write: oci, v2s1 or v2s2 (default: the source\'s)'),
    boolFlag('--preserve-digests', 'fail rather than write another digest than the source\'s'),
  ])
}

/** Where login and logout keep what they are told. */
export function addStoreOptions(command: Command): Command {
  return add(command, 'Where it is stored:', [
    textFlag('--authfile <FILE>', 'this file (default: REGISTRY_AUTH_FILE, or where podman keeps it)'),
    textFlag('--compat-auth-file <FILE>', 'this file, as Docker\'s config.json has it'),
    boolFlag('--tls-verify', 'verify the certificate (default: true); false also allows plain HTTP'),
  ])
}

export interface StoreFlags extends GlobalFlags { readonly authfile?: string; readonly compatAuthFile?: string }

/** What is said of one side of a command with prefixes, as the unprefixed group. */
export function sideFlags(flags: object, side: 'src' | 'dest'): ImageFlags {
  const own = Object.entries(flags).filter(([name]) => name.startsWith(side) && /^[A-Z]/.test(name.slice(side.length)))
    .map(([name, value]) => [name.charAt(side.length).toLowerCase() + name.slice(side.length + 1), value] as const)
  return Object.fromEntries(own)
}

/** Credentials that contradict each other, in skopeo's words. @throws SkopeoError */
export function checkCredentials({ creds, username, password, noCreds = false }: ImageFlags): void {
  const refuse = (why: string): SkopeoError => new SkopeoError(why)
  if (creds !== undefined && noCreds) throw refuse('creds and no-creds cannot be specified at the same time')
  if (username !== undefined && noCreds) throw refuse('username and no-creds cannot be specified at the same time')
  if (creds !== undefined && username !== undefined) throw refuse('creds and username cannot be specified at the same time')
  if (username !== undefined && password === undefined) throw refuse('password must be specified when username is specified')
  if (password !== undefined && username === undefined) throw refuse('username must be specified when password is specified')
  if (creds === '') throw refuse('credentials can\'t be empty')
  if (creds?.startsWith(':') === true || username === '') throw refuse('username can\'t be empty')
}
