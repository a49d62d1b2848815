import type { Descriptor, Platform } from './descriptor.ts'
import { InvalidReferenceError } from './errors.ts'

/** `os/architecture[/variant]`. @throws InvalidReferenceError */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.split('/')
  if (os === undefined || os === '' || architecture === undefined || architecture === '' || variant === '' || rest.length > 0) {
    throw new InvalidReferenceError(text, 'a platform is os/architecture or os/architecture/variant, such as linux/amd64 or linux/arm/v7')
  }
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined && part !== '').join('/')
}

/** A wish without a variant takes every variant; arm64 and arm64/v8 are the same platform. */
export function matchesPlatform(wish: Platform, platform: Platform): boolean {
  const variant = (p: Platform): string | undefined => (p.architecture === 'arm64' && p.variant === 'v8' ? undefined : p.variant)
  return wish.os === platform.os && wish.architecture === platform.architecture
    && (variant(wish) === undefined || variant(wish) === variant(platform))
}

/** BuildKit's attestation children say in an annotation which image of the index they are about. */
export function attestedDigest(desc: Descriptor): string | undefined {
  return desc.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
    ? desc.annotations['vnd.docker.reference.digest'] : undefined
}
