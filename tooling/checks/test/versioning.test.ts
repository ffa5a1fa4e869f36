// apps/docs/decisions/2026-11-23-versioning.md, kept by the release tool as configured.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { publishable, readManifest, repositoryRoot } from './support/repository.js';
import { runCommand } from './support/run-command.js';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'events-versioning-'));
  await mkdir(join(directory, '.changeset'));
  const config = JSON.parse(await readFile(join(repositoryRoot, '.changeset/config.json'), 'utf8')) as object;
  // Its default changelog asks git for the commit of each changeset, and there is none here.
  await writeFile(join(directory, '.changeset/config.json'), JSON.stringify({ ...config, changelog: false }));
  await cp(join(repositoryRoot, 'pnpm-workspace.yaml'), join(directory, 'pnpm-workspace.yaml'));
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'root', private: true }));
  for (const { path, manifest } of publishable) {
    await mkdir(join(directory, path), { recursive: true });
    const { devDependencies: _left, ...released } = { ...manifest, version: '1.0.0' };
    await writeFile(join(directory, path, 'package.json'), JSON.stringify(released));
  }
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function release(changes: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const lines = Object.entries(changes).map(([name, bump]) => `'${name}': ${bump}`);
  await writeFile(join(directory, '.changeset/change.md'), ['---', ...lines, '---', '', 'A change.', ''].join('\n'));
  const changeset = JSON.stringify(join(repositoryRoot, 'node_modules/.bin/changeset'));
  await runCommand(`${changeset} version`, { directory });
  const released = publishable.map(({ path }) => readManifest(join(directory, path)));
  return Object.fromEntries(
    released.filter(({ version }) => version !== '1.0.0').map(({ name, version }) => [name, version]),
  );
}

test.each([
  ['patch', '1.0.1'],
  ['minor', '1.1.0'],
])('a %s of core releases core alone', async (bump, version) => {
  expect(await release({ '@events/core': bump })).toEqual({ '@events/core': version });
});

test('a major of core is one for everything that stands on it', async () => {
  const everything = publishable.map(({ manifest }) => [manifest.name, '2.0.0']);
  expect(await release({ '@events/core': 'major' })).toEqual(Object.fromEntries(everything));
});

test('a minor of redis-streams releases redis-streams alone: the client adapters accept it as they are', async () => {
  expect(await release({ '@events/redis-streams': 'minor' })).toEqual({ '@events/redis-streams': '1.1.0' });
});
