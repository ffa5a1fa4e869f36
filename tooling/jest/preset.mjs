import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One Jest project per package. TypeScript sources run as native ES modules through SWC, without a build. */
export function project(rootDir, extra = {}) {
  return {
    rootDir,
    displayName: basename(rootDir),
    testEnvironment: 'node',
    // `@events/source` makes the workspace's packages resolve to src/*.ts.
    testEnvironmentOptions: { customExportConditions: ['@events/source', 'node', 'node-addons'] },
    testMatch: ['<rootDir>/test/**/*.test.ts'],
    extensionsToTreatAsEsm: ['.ts'],
    transform: {
      '^.+\\.ts$': [
        '@swc/jest',
        {
          jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
          module: { type: 'es6' },
          sourceMaps: 'inline',
        },
      ],
    },
    // "./x.js" in a .ts file means ./x.ts, as in NodeNext; packages in node_modules are left alone.
    moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
    moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
    modulePathIgnorePatterns: ['<rootDir>/dist/'],
    setupFiles: [fileURLToPath(new URL('one-realm.ts', import.meta.url))],
    ...extra,
  };
}

/**
 * A second project of a client adapter: its `*.majors.test.ts` files, with an older major of the client in place; and the
 * whole conformance suite too where EVENTS_CONFORMANCE is `all`.
 */
export function olderMajor(rootDir, client, alias) {
  const preset = project(rootDir);
  return {
    ...preset,
    displayName: `${basename(rootDir)}@${alias.replace(client, '')}`,
    testMatch: [
      '<rootDir>/test/**/*.majors.test.ts',
      ...(process.env.EVENTS_CONFORMANCE === 'all' ? ['<rootDir>/test/conformance.test.ts'] : []),
    ],
    moduleNameMapper: { ...preset.moduleNameMapper, [`^${client}$`]: join(rootDir, 'node_modules', alias) },
  };
}
