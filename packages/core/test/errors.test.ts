import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, jest, test } from '@jest/globals';
import { transformSync } from '@swc/core';
import type { EventsErrorOptions } from '../src/index.js';
import * as core from '../src/index.js';

type ErrorClass = new (message: string, options?: EventsErrorOptions) => core.EventsError;

/** Every class, with its code and whether trying again may help. */
const classes: readonly (readonly [name: string, type: ErrorClass, code: string, retryable: boolean])[] = [
  ['ClosedError', core.ClosedError, 'EVENTS_CLOSED', false],
  ['ConsumerNameInUseError', core.ConsumerNameInUseError, 'EVENTS_CONSUMER_NAME_IN_USE', true],
  ['EnvironmentError', core.EnvironmentError, 'EVENTS_ENVIRONMENT', false],
  ['EventTypeError', core.EventTypeError, 'EVENTS_EVENT_TYPE', false],
  ['GroupNotFoundError', core.GroupNotFoundError, 'EVENTS_GROUP_NOT_FOUND', false],
  ['HandlerTimeoutError', core.HandlerTimeoutError, 'EVENTS_HANDLER_TIMEOUT', false],
  ['NonRetryableError', core.NonRetryableError, 'EVENTS_NON_RETRYABLE', false],
  ['OptionsError', core.OptionsError, 'EVENTS_OPTIONS', false],
  ['OverloadedError', core.OverloadedError, 'EVENTS_OVERLOADED', true],
  ['PartitionsError', core.PartitionsError, 'EVENTS_PARTITIONS', false],
  ['PayloadTooLargeError', core.PayloadTooLargeError, 'EVENTS_PAYLOAD_TOO_LARGE', false],
  ['PermissionError', core.PermissionError, 'EVENTS_PERMISSION', false],
  ['SerializationError', core.SerializationError, 'EVENTS_SERIALIZATION', false],
  ['StreamNameError', core.StreamNameError, 'EVENTS_STREAM_NAME', false],
  ['StreamNotFoundError', core.StreamNotFoundError, 'EVENTS_STREAM_NOT_FOUND', false],
  ['TimeoutError', core.TimeoutError, 'EVENTS_TIMEOUT', true],
  ['TransportError', core.TransportError, 'EVENTS_TRANSPORT', false],
  ['UndecodableEntryError', core.UndecodableEntryError, 'EVENTS_UNDECODABLE', false],
  ['UnsupportedError', core.UnsupportedError, 'EVENTS_UNSUPPORTED', false],
];

async function secondCopy(): Promise<typeof core> {
  let copy: typeof core | undefined;
  await jest.isolateModulesAsync(async () => {
    copy = await import('../src/index.js');
  });
  if (copy === undefined || copy.EventsError === core.EventsError) throw new Error('This is not a second copy');
  return copy;
}

describe.each(classes)('%s', (name, Type, code, retryable) => {
  test('has a stable code, a name of its own and a retryable flag', () => {
    const error = new Type('what happened');
    expect(error).toMatchObject({ code, name, retryable, message: 'what happened' });
    expect(error.stack).toContain(name);
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(core.EventsError);
    expect(error).toBeInstanceOf(Type);
  });

  test('is no instance of its sisters', () => {
    const error = new Type('what happened');
    const sisters = classes.filter(([sister]) => sister !== name).filter(([, Sister]) => error instanceof Sister);
    expect(sisters).toEqual([]);
  });

  test('is recognised by another copy of the package, and recognises its errors', async () => {
    const copy = await secondCopy();
    const Copied = copy[name as keyof typeof copy] as unknown as ErrorClass;
    expect(new Copied('x')).toBeInstanceOf(Type);
    expect(new Copied('x')).toBeInstanceOf(core.EventsError);
    expect(new Type('x')).toBeInstanceOf(Copied);
    expect(new Type('x')).toBeInstanceOf(copy.EventsError);
  });
});

test('the table above holds every error class that core exports', () => {
  const exported = Object.keys(core).filter((name) => name.endsWith('Error') && name !== 'toError');
  expect(exported.sort()).toEqual(
    [
      ...classes.map(([name]) => name),
      ...['EventVersionError', 'EventsError', 'UnderReplicatedError', 'ValidationError'],
    ].sort(),
  );
});

test('a ValidationError carries its issues, also to another copy', async () => {
  const issues = [{ path: 'total', message: 'is negative' }];
  const error = new core.ValidationError('does not match', issues);
  const copy = await secondCopy();
  expect(error).toMatchObject({ code: 'EVENTS_VALIDATION', name: 'ValidationError', retryable: false, issues });
  expect(error instanceof copy.ValidationError && error.issues).toBe(issues);
});

test('an EventVersionError carries the version, also to another copy', async () => {
  const error = new core.EventVersionError('too new', 3);
  const copy = await secondCopy();
  expect(error).toMatchObject({
    code: 'EVENTS_EVENT_VERSION',
    name: 'EventVersionError',
    retryable: false,
    version: 3,
  });
  expect(error instanceof copy.EventVersionError && error.version).toBe(3);
});

test('an UnderReplicatedError carries the receipt, also to another copy', async () => {
  const receipt = { id: 'e-1', type: 'a', stream: 'orders', entryId: '1-0', status: 'stored', replicas: 0 } as const;
  const error = new core.UnderReplicatedError('not everywhere', receipt);
  const copy = await secondCopy();
  expect(error).toMatchObject({ code: 'EVENTS_UNDER_REPLICATED', outcome: 'stored', retryable: false, receipt });
  expect(error instanceof copy.UnderReplicatedError && error.receipt).toBe(receipt);
});

test('the outcome is there only where one was given', () => {
  expect(new core.ClosedError('x', { outcome: 'not-stored' }).outcome).toBe('not-stored');
  expect(Object.keys(new core.ClosedError('x'))).not.toContain('outcome');
});

test('the cause is kept, and absent where there is none', () => {
  const cause = new Error('the reason');
  expect(new core.TransportError('x', { cause }).cause).toBe(cause);
  expect(Object.hasOwn(new core.TransportError('x'), 'cause')).toBe(false);
});

test('retryable can be said of a single error', () => {
  expect(new core.TransportError('x', { retryable: true }).retryable).toBe(true);
  expect(new core.TimeoutError('x', { retryable: false }).retryable).toBe(false);
});

test('a subclass written by a user recognises its own instances alone', () => {
  class CardRefused extends core.NonRetryableError {}
  class CardExpired extends CardRefused {}
  expect(new CardExpired('x')).toBeInstanceOf(CardRefused);
  expect(new CardExpired('x')).toBeInstanceOf(core.NonRetryableError);
  expect(new core.NonRetryableError('x')).not.toBeInstanceOf(CardRefused);
  expect(new CardRefused('x')).not.toBeInstanceOf(CardExpired);
});

test.each([
  ['nothing', undefined],
  ['null', null],
  ['a text', 'EventsError'],
  ['an ordinary error', new Error('x')],
  ['a look-alike', { name: 'EventsError', code: 'EVENTS_CLOSED' }],
])('%s is no EventsError', (_name, value) => {
  expect((value as unknown) instanceof core.EventsError).toBe(false);
});

test('the brand cannot be forged by JSON, nor be enumerated', () => {
  const error = new core.ClosedError('x');
  expect(Object.keys(error).sort()).toEqual(['code', 'retryable']);
  expect(JSON.parse(JSON.stringify(error)) instanceof core.ClosedError).toBe(false);
});

test('instanceof works in a bundle whose class names were shortened', async () => {
  const source = readFileSync(new URL('../src/errors.ts', import.meta.url), 'utf8');
  const { code } = transformSync(source, {
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript' },
      minify: { compress: true, mangle: { toplevel: true }, toplevel: true },
    },
    module: { type: 'commonjs' },
    minify: true,
  } as Parameters<typeof transformSync>[1]);
  expect(code).not.toContain('class EventsError');
  const bundled: { exports: Partial<typeof core> } = { exports: {} };
  new Function('module', 'exports', code)(bundled, bundled.exports);
  const { ClosedError, EventsError } = bundled.exports as typeof core;
  expect(new ClosedError('x')).toBeInstanceOf(ClosedError);
  expect(new ClosedError('x')).toBeInstanceOf(EventsError);
  expect(new ClosedError('x')).toBeInstanceOf(core.ClosedError);
  expect(new ClosedError('x')).not.toBeInstanceOf(core.TimeoutError);
  expect(new ClosedError('x').name).toBe('ClosedError');
});

test('inspect shows what an error says, and nothing else', () => {
  const shown = inspect(new core.TransportError('it failed', { outcome: 'unknown' }), { depth: 10, showHidden: true });
  expect(shown).toContain("code: 'EVENTS_TRANSPORT'");
  expect(shown).toContain("outcome: 'unknown'");
});
