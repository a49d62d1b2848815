import { SkopeoError } from '../skopeo/skopeo-error.ts'

/** @throws SkopeoError always */
export async function layersCommand(): Promise<void> {
  throw new SkopeoError('layers is deprecated in favor of copy, and not taken: longshore copy IMAGE dir:DIRECTORY writes the layers of an image into a directory')
}
