import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { repositoryRoot } from './support/repository.js';
import { runCommand } from './support/run-command.js';

/** Each file breaks the rules it names, and no other. */
const files: readonly { readonly path: string; readonly code: string; readonly breaks: readonly string[] }[] = [
  { path: 'packages/core/src/index.ts', code: "import 'node:events';", breaks: [] },
  { path: 'packages/core/src/client.ts', code: "import 'ioredis';", breaks: ['doors-of-core'] },
  {
    path: 'packages/core/src/types.ts',
    code: "import type { Redis } from 'ioredis';\nexport type Client = Redis;",
    breaks: ['doors-of-core'],
  },
  {
    path: 'packages/core/src/upwards.ts',
    code: "import '@events/memory';",
    breaks: ['doors-of-core', 'core-stands-alone'],
  },
  { path: 'packages/core/test/upwards.test.ts', code: "import '@events/conformance';", breaks: ['core-stands-alone'] },
  {
    path: 'packages/core/src/tested.ts',
    code: "import '../test/support.js';",
    breaks: ['doors-of-core', 'sources-do-not-import-tests'],
  },
  { path: 'packages/core/test/support.ts', code: 'export {};', breaks: [] },
  { path: 'packages/core/src/missing.ts', code: "import './nowhere.js';", breaks: ['doors-of-core', 'resolvable'] },
  { path: 'packages/memory/src/index.ts', code: "import '@events/core';", breaks: [] },
  { path: 'packages/memory/src/streams.ts', code: "import '@events/redis-streams';", breaks: ['doors-of-memory'] },
  { path: 'packages/redis-streams/src/index.ts', code: "import '@events/core';", breaks: [] },
  { path: 'packages/redis-streams/src/client.ts', code: "import 'redis';", breaks: ['doors-of-redis-streams'] },
  {
    path: 'packages/redis-ioredis/src/index.ts',
    code: "import '@events/core';\nimport '@events/redis-streams';\nimport 'ioredis';",
    breaks: [],
  },
  {
    path: 'packages/redis-ioredis/src/sibling.ts',
    code: "import '@events/redis-node';",
    breaks: ['doors-of-redis-ioredis'],
  },
  { path: 'packages/redis-ioredis/src/other.ts', code: "import 'redis';", breaks: ['doors-of-redis-ioredis'] },
  { path: 'packages/redis-node/src/index.ts', code: "import 'redis';", breaks: [] },
  { path: 'packages/redis-node/src/other.ts', code: "import 'ioredis';", breaks: ['doors-of-redis-node'] },
  { path: 'packages/conformance/src/index.ts', code: "import '@events/core';\nimport 'node:assert';", breaks: [] },
  {
    path: 'packages/conformance/src/memory.ts',
    code: "import '@events/memory';",
    breaks: ['doors-of-conformance'],
  },
  {
    path: 'packages/conformance/test/inside.test.ts',
    code: "import '../../core/src/index.js';",
    breaks: ['neighbours-by-name'],
  },
  { path: 'packages/newcomer/src/index.ts', code: "import '@events/core';", breaks: ['doors-are-known'] },
  { path: 'apps/demo/src/index.ts', code: "import '@events/memory';", breaks: [] },
  {
    path: 'apps/demo/src/inside.ts',
    code: "import '../../../packages/memory/src/index.js';",
    breaks: ['neighbours-by-name'],
  },
  {
    path: 'tooling/redis/src/index.ts',
    code: "import '@events/demo';",
    breaks: ['apps-are-leaves'],
  },
];

interface CruiseResult {
  readonly summary: {
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
}

let directory = '';
const broken = new Map<string, Set<string>>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'events-dependency-rules-'));
  const write = async (path: string, content: string): Promise<void> => {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  };
  for (const { path, code } of files) await write(path, `${code}\n`);
  const workspaces = new Set(files.map(({ path }) => path.split('/').slice(0, 2).join('/')));
  await mkdir(join(directory, 'node_modules/@events'), { recursive: true });
  for (const workspace of workspaces) {
    const name = workspace.split('/')[1] ?? '';
    const exports = { '.': { '@events/source': './src/index.ts', default: './dist/index.js' } };
    await write(`${workspace}/package.json`, JSON.stringify({ name: `@events/${name}`, exports }));
    await symlink(join(directory, workspace), join(directory, 'node_modules/@events', name));
  }
  for (const library of ['ioredis', 'redis']) {
    await write(`node_modules/${library}/package.json`, JSON.stringify({ name: library, main: 'index.js' }));
    await write(`node_modules/${library}/index.js`, '');
  }
  await write('package.json', '{}');
  const rules = join(repositoryRoot, 'tooling/lint/dependency-rules.mjs');
  const cruise = `depcruise --config ${JSON.stringify(rules)} --output-type json --output-to result.json packages apps tooling`;
  // It exits with the number of errors it found: here that is its work.
  await runCommand(`${cruise} || test -s result.json`, { directory });
  const { summary } = (await import(join(directory, 'result.json'), { with: { type: 'json' } }))
    .default as CruiseResult;
  for (const { from, rule } of summary.violations) {
    broken.set(from, (broken.get(from) ?? new Set()).add(rule.name));
  }
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

test.each(files.map(({ path, breaks }) => [path, breaks] as const))('%s breaks %j', (path, breaks) => {
  expect([...(broken.get(path) ?? [])].sort()).toEqual([...breaks].sort());
});
