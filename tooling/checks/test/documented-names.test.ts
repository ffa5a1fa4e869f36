// The tables of the documentation are complete: whatever a user can name stands there, and nothing else does.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { section, tableRows } from './support/markdown.js';
import { readPage } from './support/pages.js';
import { repositoryRoot } from './support/repository.js';

const source = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');
const matches = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([, found = '']) => found);

/** The members of an interface, or of an object type, in a source file. */
function membersOf(path: string, name: string): string[] {
  const declaration = new RegExp(`(?:interface|type) ${name}\\b[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(source(path));
  return matches(declaration?.[1] ?? '', /^ {2}(?:readonly )?(\w+)\??[(:]/gm);
}

/** The names in the first cells of the tables under a heading, or of the one table whose first heading is `column`. */
function namesUnder(page: string, heading: string, column?: string): string[] {
  const text = section(readPage(page).text, heading);
  const tables = text.split('\n\n').filter((part) => part.startsWith(column === undefined ? '|' : `| ${column}`));
  return tables.flatMap(tableRows).flatMap(([first = '']) => matches(first, /`([\w-]+)(?:\([^`]*\))?`/g));
}

interface Documented {
  readonly page: string;
  readonly heading: string;
  /** The first heading of the table, where there are several. */
  readonly column?: string;
  readonly path: string;
  readonly name: string;
}

const core = 'packages/core';
const streams = 'packages/redis-streams';
const transportOptions = { heading: 'Options', path: `${streams}/src/options.ts`, name: 'RedisTransportOptions' };
const inCore = (heading: string, file: string, name: string): Documented => ({
  ...{ page: `${core}/README.md`, heading, path: `${core}/src/${file}`, name },
});

const tables: readonly Documented[] = [
  inCore('new EventPublisher(options)', 'publisher-options.ts', 'PublisherOptions'),
  inCore('publish(type, data, options) and the events of publishBatch', 'publisher.ts', 'PublishOptions'),
  inCore('new EventConsumer(options)', 'consumer-options.ts', 'ConsumerOptions'),
  inCore('The event', 'consumed-event.ts', 'ConsumedEvent'),
  inCore('The context', 'consumed-event.ts', 'HandlerContext'),
  { ...inCore('Events emitted', 'publisher.ts', 'PublisherEvents'), column: 'Publisher' },
  { ...inCore('Events emitted', 'trimming.ts', 'TrimmingEvents'), column: 'Trimming' },
  { ...inCore('Events emitted', 'consumer-events.ts', 'ConsumerEvents'), column: 'Consumer' },
  { page: 'packages/redis-ioredis/README.md', ...transportOptions },
  { page: 'packages/redis-node/README.md', ...transportOptions },
  {
    page: 'packages/memory/README.md',
    heading: '@events/memory',
    column: 'Option',
    path: 'packages/memory/src/memory-transport.ts',
    name: 'MemoryTransportOptions',
  },
];

test.each(tables)('$page has every member of $name', ({ page, heading, column, path, name }) => {
  const members = membersOf(path, name);
  expect(members.length).toBeGreaterThan(2);
  expect(namesUnder(page, heading, column).sort()).toEqual([...members].sort());
});

test('apps/docs/write-a-transport.md has every kind of failure', () => {
  const documented = namesUnder('apps/docs/write-a-transport.md', 'What core asks of you', 'Kind');
  expect(documented.sort()).toEqual(literalsOf(`${core}/src/transport.ts`, 'FailureKind').sort());
});

/** The members of a union of texts in a source file. */
function literalsOf(path: string, name: string): string[] {
  return matches(new RegExp(`type ${name} =([^;]*);`).exec(source(path))?.[1] ?? '', /'([\w-]+)'/g);
}

test('apps/docs/wire-format.md has every reason for a dead letter', () => {
  const text = section(readPage('apps/docs/wire-format.md').text, 'Dead letters');
  const table = text.split('\n\n').find((part) => part.startsWith('| Reason')) ?? '';
  const documented = tableRows(table).map(([first = '']) => first.replaceAll('`', ''));
  expect(documented.sort()).toEqual(literalsOf(`${core}/src/consumer-events.ts`, 'DeadLetterReason').sort());
});

test('packages/redis-streams/README.md has every export', () => {
  const exported = matches(source(`${streams}/src/index.ts`), /\b(\w+)(?=,| \})/g).filter((name) => name !== 'type');
  expect(namesUnder(`${streams}/README.md`, 'The connector', 'Export').sort()).toEqual(exported.sort());
});

test.each(['redis-ioredis', 'redis-node'])(
  'packages/%s/README.md has every setting of the client that is refused',
  (adapter) => {
    const connector = source(`packages/${adapter}/src/connector.ts`);
    const settings = Array.from(connector.matchAll(/const needed\w* = \{([^}]*)\}/g), ([, found = '']) => found);
    const names = settings.flatMap((text) => matches(text, /(?:^|[\s,{])(\w+): /g));
    expect(names.length).toBeGreaterThan(8);
    const refused = section(readPage(`packages/${adapter}/README.md`).text, 'What is refused');
    for (const name of names) expect(refused).toContain(`\`${name}\``);
  },
);
