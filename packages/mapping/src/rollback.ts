// How each of these is taken back, for the night on which it has to be.
import type { HostsFile } from './containerd.ts'

/** Markdown. */
export function printRollback(hosts: readonly HostsFile[]): string {
  const folders = hosts.filter(({ isUseful }) => isUseful).map(({ folder }) => folder)
  return `# Back to the old registries

Nothing here changes or deletes an image at the old registries: as long as they answer, going back is taking the mapping away. Pods that run go on
running in either case; what is taken back counts from the next pull on. Images that were pushed to the new place alone, since the switch, are not at
the old one: move them back first (\`longshore migrate\` with source and destination changed round).

## containerd

On every node:

\`\`\`sh
${folders.length === 0 ? '# nothing was written for containerd' : folders.map((folder) => `rm /etc/containerd/certs.d/${folder}/hosts.toml`).join('\n')}
\`\`\`

Put back what was there before, where there was a file. containerd reads these files anew for each pull; it is not restarted. While they are there, an image
that the new place does not have is pulled from the old registry: with both of them up, half a rollback breaks nothing.

## CRI-O, podman, skopeo, buildah

On every node:

\`\`\`sh
rm /etc/containers/registries.conf.d/50-longshore.conf
systemctl reload crio    # CRI-O only
\`\`\`

## Kustomize

Take the component out of \`components:\` (or the block out of \`images:\`), then \`kubectl apply -k\` again, or revert the commit and let GitOps do it.
Workloads roll out once more, as their image names change.

## Names that were changed elsewhere

\`mapping.csv\` has every pair: the first column is what to go back to.

## Afterwards

\`\`\`sh
kubectl get pods -A -o jsonpath='{range .items[*]}{range .spec.containers[*]}{.image}{"\\n"}{end}{end}' | sort | uniq -c
\`\`\`

shows which names are in use.
`
}
