// apps/docs/errors.md lists every code that an error can carry, and every reply of Redis that is told apart.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as core from '@events/core';
import { expect, test } from '@jest/globals';
import { section, tableRows } from './support/markdown.js';
import { readPage } from './support/pages.js';
import { repositoryRoot } from './support/repository.js';

const page = readPage('apps/docs/errors.md').text;
const source = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');
const matches = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([, found = '']) => found);

const union = /type EventsErrorCode =([^;]*);/.exec(source('packages/core/src/errors.ts'))?.[1] ?? '';
const codes = matches(union, /'(EVENTS_\w+)'/g);
const rows = tableRows(section(page, 'Errors')).filter(([first = '']) => first.includes('EVENTS_'));

test('every code has a row and a text, in alphabetical order', () => {
  expect(codes.length).toBeGreaterThan(10);
  expect(rows.map(([first = '']) => /`(\w+)`/.exec(first)?.[1])).toEqual([...codes].sort());
  expect(matches(page, /^### (EVENTS_\w+)$/gm)).toEqual([...codes].sort());
});

test('every row names the class that carries the code, and says whether that is retryable', () => {
  for (const [code = '', type = '', , retryable] of rows) {
    const Type = (core as unknown as Record<string, new (message: string, issues?: unknown) => core.EventsError>)[
      type.replaceAll('`', '')
    ];
    expect(Type).toBeDefined();
    const error = Type === undefined ? undefined : new Type('message', type.includes('Validation') ? [] : undefined);
    expect(code).toContain(`\`${error?.code}\``);
    if (retryable !== 'it depends') expect([code, error?.retryable ? 'yes' : 'no']).toEqual([code, retryable]);
  }
});

test('the replies of Redis stand there as the transport tells them apart', () => {
  const kinds = new Map<string, string[]>();
  for (const [, kind = '', words = ''] of source('packages/redis-streams/src/failures.ts').matchAll(
    /\.\.\.each\(\s*'([\w-]+)',([^)]*)\)/g,
  )) {
    kinds.set(kind, [...(kinds.get(kind) ?? []), ...matches(words, /'(\w+)'/g)]);
  }
  const documented = tableRows(section(page, 'What Redis answers, and what becomes of it'));
  const wordsIn = documented.map(([words = '']) => matches(words, /`(\w+)`/g)).filter((words) => words.length > 0);
  expect(wordsIn).toEqual(
    ['offline', 'refused', 'invalid', 'denied', 'group-lost', 'fenced'].map((kind) => kinds.get(kind)),
  );
});
