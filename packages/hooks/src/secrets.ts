// What a hook says is shown to people and kept in reports; what it knows is not.

const mask = '***'
/** Shorter values are found in every other word. */
const shortest = 4
const secretName = /TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|AUTH(?!OR)|^REDIS_URL$/i
const credentialsInUrl = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi

/** Values of variables whose names say that they are secret. */
export function secretsOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(env).filter(([name]) => secretName.test(name)).map(([, value]) => value ?? '')
}

/** `text` without `secrets`, in whatever form they were sent: as they are, percent-encoded, as JSON or in base64. */
export function withoutSecrets(text: string, secrets: Iterable<string>): string {
  const forms = [...secrets].filter((secret) => secret.length >= shortest)
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('base64')])
  const longestFirst = [...new Set(forms)].toSorted((a, b) => b.length - a.length)
  return longestFirst.reduce((left, form) => left.replaceAll(form, mask), text).replace(credentialsInUrl, `$1${mask}@`)
}
