// apps/docs/guarantees.md names for each promise the tests that prove it: they exist, under that name, in that place.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { headings, section } from './support/markdown.js';
import { readPage } from './support/pages.js';
import { repositoryRoot } from './support/repository.js';

const page = readPage('apps/docs/guarantees.md').text;
const places: Readonly<Record<string, string>> = {
  conformance: 'packages/conformance/src',
  core: 'packages/core/test',
  faults: 'apps/faults/src/scenarios',
  clients: 'tooling/transport/src',
};
const sources = new Map<string, string>();

function sourcesIn(place: string): string {
  const directory = join(repositoryRoot, place);
  if (!sources.has(place)) {
    const files = readdirSync(directory, { recursive: true }).filter((name) => String(name).endsWith('.ts'));
    sources.set(place, files.map((name) => readFileSync(join(directory, String(name)), 'utf8')).join('\n'));
  }
  return sources.get(place) ?? '';
}

const promises = headings(page)
  .filter(({ text }) => /^\d+\. /.test(text))
  .map(({ text }) => ({ text, body: section(page, text) }));

describe.each(promises)('$text', ({ body }) => {
  const proofs = Array.from(body.matchAll(/^- ([\w-]+): `(.+)`$/gm), ([, place = '', name = '']) => ({ place, name }));

  test('says where it ends, and names its proofs', () => {
    expect(body).toMatch(/^\*\*Ends:\*\* /m);
    expect(proofs.length).toBeGreaterThan(1);
    expect(body.match(/^- /gm)).toHaveLength(proofs.length);
  });

  test('names tests that exist', () => {
    const missing = proofs.filter(({ place, name }) => {
      const source = sourcesIn(places[place] ?? '');
      return ![`'${name}'`, `"${name}"`, `\`${name}\``].some((text) => source.includes(text));
    });
    expect(missing).toEqual([]);
  });
});
