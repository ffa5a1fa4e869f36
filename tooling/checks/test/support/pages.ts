import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, workspaces } from './repository.js';

/** A page of the documentation. */
export interface Page {
  /** Relative to the root: `packages/core/README.md`. */
  readonly path: string;
  readonly text: string;
}

export function readPage(path: string): Page {
  return { path, text: readFileSync(join(repositoryRoot, path), 'utf8') };
}

const guide = readdirSync(join(repositoryRoot, 'apps/docs'), { recursive: true })
  .map((name) => `apps/docs/${String(name)}`)
  .filter((path) => path.endsWith('.md'))
  .sort();

/** Every page that users and engineers read. */
export const pages: readonly Page[] = [
  'README.md',
  ...workspaces.map(({ path }) => `${path}/README.md`),
  ...guide,
  '.changeset/README.md',
]
  .filter((path) => existsSync(join(repositoryRoot, path)))
  .map(readPage);
