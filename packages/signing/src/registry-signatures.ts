// The signatures of a registry's images: beside it (lookaside), and inside it where registries.d says so (attachments).
import type { RepositoryName, Digest, Tag } from '@longshore/oci'
import type { Io, Signature, SignatureSink, SignatureSource, Source, Target } from '@longshore/transfer'
import { readAttachments, writeAttachments } from './attachments.ts'
import { dockerNameOf, formatDockerName } from './docker-name.ts'
import { SigningError } from './errors.ts'
import { type FetchBytes, readLookaside, writeLookaside } from './lookaside.ts'
import type { RegistriesD } from './registries-d.ts'

export interface OpenSignaturesOptions {
  readonly client: Source
  readonly registriesD: RegistriesD
  readonly fetchBytes: FetchBytes
  /** What was asked for: registries.d may speak of a single tag. */
  readonly reference?: Tag | Digest | undefined
}

/** For reading. @throws what `client` and `fetchBytes` throw, SigningError SIGNATURE_STORE */
export function openSignatures({ client, registriesD, fetchBytes, reference }: OpenSignaturesOptions): SignatureSource {
  return {
    async signatures(repository, manifest, io) {
      const image = nameOf(client.registry, repository, reference)
      const simple = await readLookaside({ base: registriesD.lookaside(image, 'read'), repository, manifest }, fetchBytes, io.signal)
      return [
        ...simple.map((bytes): Signature => ({ kind: 'simple', bytes })),
        ...(registriesD.usesAttachments(image) ? await readAttachments(client, repository, manifest, io) : []),
      ]
    },
  }
}

/** For writing as well. */
export function openSignatureSink(options: OpenSignaturesOptions & { readonly client: Target }): SignatureSink {
  const { client, registriesD, fetchBytes, reference } = options
  return {
    ...openSignatures(options),
    async putSignatures(repository: RepositoryName, manifest: Digest, signatures: readonly Signature[], io: Io) {
      const image = nameOf(client.registry, repository, reference)
      const simple = signatures.filter((signature) => signature.kind === 'simple')
      const sigstore = signatures.filter((signature) => signature.kind === 'sigstore')
      if (sigstore.length > 0 && !registriesD.usesAttachments(image)) {
        throw new SigningError('SIGNATURE_STORE', `Cannot store signatures of ${formatDockerName(image)} as sigstore attachments: set use-sigstore-attachments: true for it in registries.d`)
      }
      if (simple.length > 0) await writeLookaside({ base: registriesD.lookaside(image, 'write'), repository, manifest }, simple.map(({ bytes }) => bytes), fetchBytes, io.signal)
      if (sigstore.length > 0) await writeAttachments(client, repository, manifest, sigstore, io)
    },
  }
}

function nameOf(registry: string, repository: RepositoryName, reference: Tag | Digest | undefined): NonNullable<ReturnType<typeof dockerNameOf>> {
  return dockerNameOf({ transport: 'docker', registry, repository, reference }) ?? { name: `${registry}/${repository}` }
}
