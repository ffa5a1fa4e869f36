import { describe, expect, test } from '@jest/globals';
import type { AppendAnswer } from '../src/index.js';
import { fateOf, publishing, wordsFor } from './support/publishing.js';
import { failure, StubFailure } from './support/stub-failure.js';
import { elapse, turn, useVirtualTime } from './support/virtual-time.js';

useVirtualTime();

describe('a transport that breaks its contract never makes a publish resolve or hang', () => {
  test('when append rejects: the outcome is unknown', async () => {
    const { publisher, appender } = publishing();
    appender.respond = (call) => call.reject(new StubFailure('refused', 'append must not reject'));
    const fates = [fateOf(publisher.publish('a', 1)), fateOf(publisher.publish('b', 1))];
    await turn();
    expect(fates.map(wordsFor)).toEqual(['unknown EVENTS_TRANSPORT', 'unknown EVENTS_TRANSPORT']);
    await publisher.close();
  });

  test('when append throws', async () => {
    const { publisher, appender } = publishing();
    appender.append = () => {
      throw new StubFailure('refused', 'append must not throw');
    };
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    expect(wordsFor(fate)).toBe('unknown EVENTS_TRANSPORT');
    await publisher.close();
  });

  test('when it answers too few: those without an answer are unknown', async () => {
    const { publisher, appender } = publishing();
    appender.respond = (call) => call.answer(['1-0']);
    const fates = ['a', 'b', 'c'].map((type) => fateOf(publisher.publish(type, 1)));
    await turn();
    expect(fates.map(wordsFor)).toEqual(['stored', 'unknown EVENTS_TRANSPORT', 'unknown EVENTS_TRANSPORT']);
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'OK'],
    ['a number', 7],
    ['an object', {}],
  ])('when it answers with %s', async (_name, answers) => {
    const { publisher, appender } = publishing();
    appender.respond = (call) => call.answer(answers as readonly AppendAnswer[]);
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    expect(wordsFor(fate)).toBe('unknown EVENTS_TRANSPORT');
    await publisher.close();
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['an empty text', ''],
    ['a number', 7],
    ['an error', new Error('MOVED')],
    ['an object of no kind', {}],
    ['a kind that does not exist', { kind: 'gone', cause: new Error('x') }],
  ])('when the answer for an event is %s', async (_name, answer) => {
    const { publisher, appender } = publishing();
    appender.respond = (call) => call.answer([answer as AppendAnswer]);
    const fate = fateOf(publisher.publish('a', 1));
    await turn();
    expect(wordsFor(fate)).toBe('unknown EVENTS_TRANSPORT');
    await publisher.close();
  });

  test('when it answers too many: each event has its own answer', async () => {
    const { publisher, appender } = publishing();
    appender.respond = (call) => call.answer(['1-0', '2-0', '3-0']);
    await expect(publisher.publish('a', 1)).resolves.toMatchObject({ entryId: '1-0' });
    await publisher.close();
  });

  test('when it answers long after the deadline: the first outcome stands', async () => {
    const { publisher, appender } = publishing({ timeoutMs: 1_000 });
    const fate = fateOf(publisher.publish('a', 1));
    await elapse(2_000);
    expect(fate.error?.outcome).toBe('unknown');
    appender.waiting[0]?.answer(['1-0']);
    await turn();
    expect(fate.receipt).toBeUndefined();
    await publisher.close();
  });
});

describe('a listener that throws', () => {
  test('disturbs neither the publish nor its neighbours, and is logged', async () => {
    const { publisher, appender, logged } = publishing();
    appender.storeAll();
    const heard: string[] = [];
    publisher.on('published', () => {
      throw new Error('broken listener');
    });
    publisher.on('published', ({ type }) => void heard.push(type));
    await Promise.all([publisher.publish('a', 1), publisher.publish('b', 1)]);
    expect(heard).toEqual(['a', 'b']);
    expect(logged).toHaveLength(2);
  });

  test('of backpressure does not refuse the call', async () => {
    const { publisher, appender } = publishing({ maxInFlight: 1 });
    publisher.on('backpressure', () => {
      throw new Error('broken listener');
    });
    appender.storeAll();
    const fates = [fateOf(publisher.publish('a', 1)), fateOf(publisher.publish('a', 1))];
    await turn();
    expect(fates.map(wordsFor)).toEqual(['stored', 'stored']);
  });

  test('disturbs nothing even if the logger throws too', async () => {
    const broken = () => {
      throw new Error('the log is full');
    };
    const { publisher, appender } = publishing({ logger: { warn: broken, error: broken } });
    publisher.on('published', broken);
    appender.storeAll();
    await expect(publisher.publish('a', 1)).resolves.toMatchObject({ status: 'stored' });
    await expect(publisher.publish('a', 1)).resolves.toMatchObject({ status: 'stored' });
  });
});

test('no error shows what a transport put beside its message', async () => {
  const { inspect } = await import('node:util');
  const { publisher, appender } = publishing();
  appender.respond = (call) => {
    const raw = Object.assign(new StubFailure('refused', 'OOM'), { command: { args: ['swordfish'] } });
    call.reject(raw);
  };
  const fate = fateOf(publisher.publish('a', { password: 'swordfish' }));
  await turn();
  appender.respond = (call) => call.answerEach(() => failure('denied'));
  const denied = fateOf(publisher.publish('a', { password: 'swordfish' }));
  await turn();
  expect(inspect(denied.error, { depth: 10, showHidden: true })).not.toContain('swordfish');
  expect(fate.error).toBeDefined();
});
