/** Why nothing moves. */
export function pausedNote(id: string): string { return `migration ${id} is paused: longshore resume ${id} lets it go on` }
