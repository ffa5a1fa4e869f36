// FAILURE-MODES.md names for each failure mode the tests and scenarios that make it happen: they exist, under that name.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(join(root, 'apps/faults/FAILURE-MODES.md'), 'utf8');

const places: Readonly<Record<string, string>> = {
  clients: 'tooling/transport/src',
  conformance: 'packages/conformance/src',
  core: 'packages/core/test',
  faults: 'apps/faults/src/scenarios',
  here: 'apps/faults/test',
  memory: 'packages/memory/test',
  streams: 'packages/redis-streams/test',
};

const span = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `F${String(from + index).padStart(2, '0')}`);
const wanted = [...span(1, 30), ...span(35, 46), ...span(53, 56), ...span(60, 70), ...span(74, 74), ...span(80, 87)];

const rows = Array.from(page.matchAll(/^\| (F\d\d) \|.*\| (.*) \|$/gm), ([, id = '', proofs = '']) => ({
  id,
  proofs: Array.from(proofs.matchAll(/(\w+): `([^`]+)`/g), ([, place = '', name = '']) => ({ place, name })),
}));

const sources = new Map<string, string>();

function sourcesIn(place: string): string {
  const directory = places[place];
  if (directory === undefined) throw new Error(`'${place}' is no place of tests`);
  let text = sources.get(place);
  if (text === undefined) {
    const files = readdirSync(join(root, directory), { recursive: true }).filter((name) =>
      String(name).endsWith('.ts'),
    );
    text = files.map((name) => readFileSync(join(root, directory, String(name)), 'utf8')).join('\n');
    sources.set(place, text);
  }
  return text;
}

describe('the list of failure modes', () => {
  test('has each of them once', () => {
    expect(rows.map(({ id }) => id)).toEqual(wanted);
  });

  test.each(rows)('$id names tests that exist', ({ proofs }) => {
    expect(proofs.length).toBeGreaterThan(0);
    const missing = proofs.filter(
      ({ place, name }) => ![`'${name}'`, `"${name}"`, `\`${name}\``].some((text) => sourcesIn(place).includes(text)),
    );
    expect(missing).toEqual([]);
  });
});
