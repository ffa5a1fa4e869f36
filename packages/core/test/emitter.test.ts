import { describe, expect, test } from '@jest/globals';
import { IsolatingEmitter } from '../src/emitter.js';

type Events = { told: [value: number]; error: [error: Error] };

function emitter(): { readonly emitter: IsolatingEmitter<Events>; readonly logged: string[] } {
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  return { emitter: new IsolatingEmitter<Events>({ warn: log, error: log }), logged };
}

describe('an emitter', () => {
  test('calls every listener even if one of them throws, and logs that one', () => {
    const { emitter: subject, logged } = emitter();
    const heard: number[] = [];
    subject.on('told', () => {
      throw new RangeError('I am broken');
    });
    subject.on('told', (value) => void heard.push(value));
    expect(subject.emit('told', 7)).toBe(true);
    expect(heard).toEqual([7]);
    expect(logged).toEqual(["A listener of 'told' failed and was left behind: RangeError: I am broken"]);
  });

  test('logs a listener that rejects', async () => {
    const { emitter: subject, logged } = emitter();
    const late = async () => {
      throw new Error('later');
    };
    subject.on('told', late as () => never);
    subject.emit('told', 7);
    await new Promise((resolve) => setImmediate(resolve));
    expect(logged).toEqual(["A listener of 'told' failed and was left behind: Error: later"]);
  });

  test('logs an error that nobody listens for, instead of throwing it', () => {
    const { emitter: subject, logged } = emitter();
    expect(subject.emit('error', new TypeError('unheard'))).toBe(false);
    expect(logged).toEqual(['TypeError: unheard']);
  });

  test('leaves an error to its listener alone', () => {
    const { emitter: subject, logged } = emitter();
    const heard: string[] = [];
    subject.on('error', ({ message }) => void heard.push(message));
    subject.emit('error', new Error('heard'));
    expect([heard, logged]).toEqual([['heard'], []]);
  });

  test('calls a listener of once a single time, and none that was taken off', () => {
    const { emitter: subject } = emitter();
    const heard: string[] = [];
    const off = () => void heard.push('off');
    subject.once('told', () => void heard.push('once'));
    subject.on('told', off);
    subject.off('told', off);
    subject.emit('told', 1);
    expect(subject.emit('told', 2)).toBe(false);
    expect(heard).toEqual(['once']);
  });

  test.each([
    ['a value without any text', () => Object.create(null)],
    ['a symbol', () => Symbol('x')],
  ])('survives a listener that throws %s', (_name, thrown) => {
    const { emitter: subject } = emitter();
    subject.on('told', () => {
      throw thrown();
    });
    expect(() => subject.emit('told', 1)).not.toThrow();
  });
});
