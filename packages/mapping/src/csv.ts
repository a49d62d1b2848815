// RFC 4180, for spreadsheets and scripts. One field is quoted as the standard says; there is no more to it, so there is no library.
import { isDigest } from '@longshore/oci'
import { type MappedImage, newName, oldName } from './mapped-image.ts'

/** A header, then `old,new,digest`; the digest is empty where the spec did not know it. Lines end with a line feed, as grep and diff like them. */
export function printCsv(images: readonly MappedImage[]): string {
  const rows = images.map((image) => [oldName(image), newName(image), [image.source.reference, image.destination.reference].find(isDigest) ?? ''])
  return `${[['old', 'new', 'digest'], ...rows.toSorted(([a = '', b = ''], [c = '', d = '']) => (a === c ? (b < d ? -1 : 1) : a < c ? -1 : 1))].map((row) => row.map(field).join(',')).join('\n')}\n`
}

function field(text: string): string { return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text }
