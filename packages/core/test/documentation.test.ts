import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import * as core from '../src/index.js';
import {
  type ConsumerOptions,
  EventConsumer,
  EventPublisher,
  type PublisherOptions,
  type PublishOptions,
} from '../src/index.js';
import { publishing } from './support/publishing.js';
import { StubTransport } from './support/stub-transport.js';

function textOf(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

const readme = textOf('../README.md');

/** The members of a union, or the keys of a type, as the source has them. */
function declared(path: string, opening: string, member: RegExp): string[] {
  const source = textOf(path);
  const start = source.indexOf(opening);
  expect(start).toBeGreaterThan(-1);
  const rest = source.slice(start);
  // a union ends with its semicolon, a type or an interface with its brace
  const body = rest.slice(0, opening.endsWith('=') ? rest.indexOf(';') : rest.search(/^\}/m));
  return [...body.matchAll(member)].map(([, name]) => String(name)).sort();
}

/** What stands in code font in the first column of the tables under a heading. */
function documented(heading: string, text = readme): string[] {
  const start = text.indexOf(heading);
  expect([heading, start > -1]).toEqual([heading, true]);
  const rest = text.slice(start + heading.length);
  const end = rest.search(/^#{1,3} /m);
  const rows = (end === -1 ? rest : rest.slice(0, end)).split('\n').filter((line) => line.startsWith('| `'));
  return rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`(\w+)[^`]*`/g)].map(([, name]) => String(name)),
  );
}

/** The options that something knows, as it says itself when it is given one that it does not know. */
function optionsIn(message: string): string[] {
  const [, list = ''] = /Its options: (.*)$/.exec(message) ?? [];
  expect(list).not.toBe('');
  return list.split(', ').sort();
}

function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('It was not refused');
}

const transport = new StubTransport();

/** The members of what a handler is given. */
function members(): { readonly event: string[]; readonly context: string[] } {
  const path = '../src/consumed-event.ts';
  return {
    event: declared(path, 'export interface ConsumedEvent', /^ {2}readonly (\w+):/gm),
    context: declared(path, 'export interface HandlerContext', /^ {2}(?:readonly )?(\w+)[:(]/gm),
  };
}

describe('apps/docs/errors.md', () => {
  test('lists every code that an error can carry, and no other', () => {
    const codes = declared('../src/errors.ts', 'export type EventsErrorCode =', /\| '(EVENTS_\w+)'/g);
    expect(codes.length).toBeGreaterThan(10);
    const listed = [...textOf('../../../apps/docs/errors.md').matchAll(/\bEVENTS_[A-Z_]+\b/g)].map(([code]) => code);
    expect([...new Set(listed)].sort()).toEqual(codes);
  });
});

describe('the table of errors', () => {
  const rows = [
    ...textOf('../../../apps/docs/errors.md').matchAll(/^\| \[`(EVENTS_\w+)`\][^|]*\| `(\w+)` \|[^|]*\| ([^|]+) \|/gm),
  ];

  test.each(rows.map(([, code, name, retryable]) => [code, name, retryable] as const))(
    'says of %s what its class %s says: retryable %s',
    (code, name, retryable) => {
      const Type = new Map<string, unknown>(Object.entries(core)).get(String(name)) as typeof core.ClosedError;
      const error = name === 'ValidationError' ? new core.ValidationError('x', []) : new Type('x');
      expect(error.code).toBe(code);
      if (retryable !== 'it depends') expect(error.retryable).toBe(retryable === 'yes');
    },
  );
});

describe('the README of core documents', () => {
  test('every option of EventPublisher, and no other', () => {
    const message = refusal(() => new EventPublisher({ transport, source: 'x', unknown: 1 } as PublisherOptions));
    expect(documented('### `new EventPublisher(options)`').sort()).toEqual(optionsIn(message));
  });

  test('every option of EventConsumer, and no other', () => {
    const message = refusal(
      () => new EventConsumer({ transport, stream: 'x', group: 'x', unknown: 1 } as ConsumerOptions),
    );
    expect(documented('### `new EventConsumer(options)`').sort()).toEqual(optionsIn(message));
  });

  test('every option of publish, and no other', async () => {
    const { publisher } = publishing();
    const rejection = await publisher
      .publish('a', 1, { unknown: 1 } as PublishOptions)
      .catch((error: Error) => error.message);
    expect(documented('### `publish(type, data, options)`').sort()).toEqual(optionsIn(String(rejection)));
  });

  test('every event that a consumer or publisher emits, and no other', () => {
    const tables = documented('## Events emitted').sort();
    const emitted = [
      ...declared('../src/consumer-events.ts', 'export type ConsumerEvents = {', /^ {2}(\w+): \[/gm),
      ...declared('../src/publisher.ts', 'type PublisherEvents = TrimmingEvents & {', /^ {2}(\w+): \[/gm),
      ...declared('../src/trimming.ts', 'export type TrimmingEvents = {', /^ {2}(\w+): \[/gm),
    ].sort();
    expect(emitted.length).toBeGreaterThan(12);
    expect(tables).toEqual(emitted);
  });

  test('every member of an event and of the context', () => {
    const { context, event } = members();
    expect(documented('### The event').sort()).toEqual(event);
    expect(documented('### The context').sort()).toEqual(context);
  });
});
