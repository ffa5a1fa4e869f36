import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { olderMajor, project } from './tooling/jest/preset.mjs';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Everything with a test directory is a project: a new package needs no entry here. */
const projects = ['packages', 'apps', 'tooling'].flatMap((group) =>
  readdirSync(join(root, group))
    .filter((name) => existsSync(join(root, group, name, 'test')))
    .map((name) => project(join(root, group, name), { displayName: group === 'tooling' ? `tooling-${name}` : name })),
);

export default {
  projects: [
    ...projects,
    olderMajor(join(root, 'packages/redis-ioredis'), 'ioredis', 'ioredis5'),
    olderMajor(join(root, 'packages/redis-node'), 'redis', 'redis5'),
  ],
  maxWorkers: 2,
  testTimeout: 30_000,
  reporters: ['default', join(root, 'tooling/jest/closing-line-reporter.mjs')],
  coverageProvider: 'v8',
  collectCoverageFrom: ['packages/*/src/**/*.ts'],
  coverageReporters: ['text-summary', 'lcov', 'json-summary'],
};
