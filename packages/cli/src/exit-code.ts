/** What a shell learns. 0: all there; 1: some images failed or differ; 2: wrong usage or spec, nothing was moved; 130: interrupted. */
export const ExitCode = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]
