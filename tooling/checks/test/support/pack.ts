import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { publishable, repositoryRoot } from './repository.js';
import { runCommand } from './run-command.js';

/** Packs what would be published; the answer is the tarball of each package by its name. Needs the compiled output. */
export async function packPublishable(destination: string): Promise<ReadonlyMap<string, string>> {
  const filters = publishable.map(({ manifest }) => `--filter ${manifest.name}`).join(' ');
  await runCommand(`pnpm ${filters} --recursive pack --pack-destination ${JSON.stringify(destination)}`, {
    directory: repositoryRoot,
  });
  const files = await readdir(destination);
  const tarballs = publishable.map(({ manifest: { name, version } }): [string, string] => {
    const file = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
    if (!files.includes(file)) throw new Error(`${name} was not packed as ${file}: there is ${files.join(', ')}`);
    return [name, join(destination, file)];
  });
  return new Map(tarballs);
}
