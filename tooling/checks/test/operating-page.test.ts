// apps/docs/operating-redis.md has every finding and every setting that a transport tells, and no other.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { section, tableRows } from './support/markdown.js';
import { readPage } from './support/pages.js';
import { repositoryRoot } from './support/repository.js';

const checked = section(readPage('apps/docs/operating-redis.md').text, 'What the transport checks');
const source = (name: string): string => readFileSync(join(repositoryRoot, 'packages/redis-streams/src', name), 'utf8');
const matches = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([, found = '']) => found);

/** The names in the first cells of the table whose first heading is `heading`. */
function namesIn(heading: string): string[] {
  const table = checked.split('\n\n').find((part) => part.startsWith(`| ${heading} |`)) ?? '';
  return tableRows(table).flatMap(([first = '']) => matches(first, /`([\w-]+)`/g));
}

test('every finding has its row, in the order in which they are told', () => {
  const codes = matches(source('findings.ts'), /^ {4}code: '([a-z-]+)',$/gm);
  expect(codes.length).toBeGreaterThan(10);
  expect(namesIn('Finding')).toEqual(codes);
});

test('every setting has its row', () => {
  const [, members = ''] = /interface RedisSettings \{\n([\s\S]*?)\n\}/.exec(source('redis-settings.ts')) ?? [];
  const settings = matches(members, /^ {2}readonly (\w+):/gm);
  expect(settings.length).toBeGreaterThan(10);
  expect(namesIn('Setting').sort()).toEqual(settings.sort());
});
