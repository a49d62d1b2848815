// The images that failed, in the form of an images list: pairs of full references, so that it needs no --from and no --to.
import { printable } from '@longshore/oci'
import { describeAskers, formatEnd } from '@longshore/transfer'
import { codeOf } from './error-code.ts'
import { describeFailure, describeUnlisted } from './describe-failure.ts'
import type { Tally } from './tally.ts'

export function* printFailedList(tally: Tally): Generator<string> {
  if (tally.failures.length === 0) yield '# Nothing failed.\n'
  else {
    yield '# The images that failed. Feed this list back in, with the same flags as before:\n'
    yield '#   longshore migrate THIS-FILE\n'
  }
  if (tally.openCount > 0 || !tally.expanded) {
    yield '# The run was stopped: images that it did not finish or did not reach are not in here. Run the same command again for those.\n'
  }
  for (const unlisted of tally.unlisted) yield `# not listed, so its images are unknown: ${describeUnlisted(unlisted)}\n`
  const lines = tally.failures.map(({ image, error, origin }) => {
    const askers = describeAskers(origin)
    return printable(`${formatEnd(image.source)} ${formatEnd(image.destination)} # ${codeOf(error)}: ${describeFailure(error)}${askers === '' ? '' : ` (asked for by ${askers})`}`)
  })
  for (const line of lines.sort()) yield `${line}\n`
}
