// Packages are alike wherever they need not differ, so that knowing one is knowing all.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { publishable, repositoryRoot, rootManifest, workspaces } from './support/repository.js';

const publishedExports = {
  '.': {
    import: { types: './dist/esm/index.d.ts', default: './dist/esm/index.js' },
    require: { types: './dist/cjs/index.d.ts', default: './dist/cjs/index.js' },
  },
  './package.json': './package.json',
};

const ofThisRepository = (dependencies: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(dependencies).filter(([name]) => name.startsWith('@events/')));

describe.each(publishable)('$path', ({ path, manifest }) => {
  test('is published like every other package', () => {
    expect(manifest).toMatchObject({
      name: `@events/${path.replace('packages/', '')}`,
      license: 'MIT',
      type: 'module',
      sideEffects: false,
      main: './dist/cjs/index.js',
      types: './dist/cjs/index.d.ts',
      files: ['dist', '!dist/**/.tsbuildinfo', 'src'],
      engines: rootManifest.engines,
      publishConfig: { access: 'public', exports: publishedExports },
    });
    expect(manifest.exports).toEqual({
      '.': { '@events/source': './src/index.ts', ...publishedExports['.'] },
      './package.json': './package.json',
    });
    expect(manifest.description).toMatch(/^[A-Z].*\.$/);
    expect(manifest.keywords?.length).toBeGreaterThan(2);
  });

  test('depends on its neighbours as the versioning decision says', () => {
    const { '@events/core': core, ...otherPeers } = ofThisRepository(manifest.peerDependencies);
    expect(core).toBe(manifest.name === '@events/core' ? undefined : 'workspace:^');
    expect(otherPeers).toEqual({});
    for (const range of Object.values(ofThisRepository(manifest.dependencies))) expect(range).toBe('workspace:^');
    for (const range of Object.values(ofThisRepository(manifest.devDependencies))) expect(range).toBe('workspace:*');
    const developed = Object.keys(manifest.devDependencies ?? {});
    expect(developed).toEqual(expect.arrayContaining(Object.keys(manifest.peerDependencies ?? {})));
  });

  test('has a README', () => {
    expect(existsSync(join(repositoryRoot, path, 'README.md'))).toBe(true);
  });
});

test('every TypeScript project is compiled by the root', () => {
  const candidates = workspaces.flatMap(({ path }) => [
    ...['', '/test'].map((folder) => ({ project: path + folder, file: `${path}${folder}/tsconfig.json` })),
    { project: `${path}/tsconfig.cjs.json`, file: `${path}/tsconfig.cjs.json` },
  ]);
  const projects = candidates.filter(({ file }) => existsSync(join(repositoryRoot, file)));
  const root = JSON.parse(readFileSync(join(repositoryRoot, 'tsconfig.json'), 'utf8')) as {
    readonly references: readonly { readonly path: string }[];
  };
  expect(root.references.map(({ path }) => path).sort()).toEqual(projects.map(({ project }) => project).sort());
});

test('the lockfile names no address to download from', () => {
  expect(readFileSync(join(repositoryRoot, 'pnpm-lock.yaml'), 'utf8')).not.toMatch(/https?:|tarball:/);
});
