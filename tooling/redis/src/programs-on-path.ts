import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Full paths of every executable of this name in the directories of a PATH, in their order. */
export async function programsOnPath(name: string, path: string): Promise<string[]> {
  const found: string[] = [];
  for (const directory of path.split(delimiter)) {
    if (directory === '') continue;
    const candidate = join(directory, name);
    try {
      await access(candidate, constants.X_OK);
      found.push(candidate);
    } catch {
      // Not there, or not ours to execute: the next directory may have it.
    }
  }
  return found;
}
