import { describe, expect, test } from '@jest/globals';
import { main } from '../src/demo/main.js';

async function demo(...args: string[]) {
  let output = '';
  let errors = '';
  const code = await main(args, { write: (text) => (output += text) }, { write: (text) => (errors += text) });
  return { code, output, errors };
}

describe('the shop on memory', () => {
  test('trades, retries, dead-letters one event, and its audit holds', async () => {
    const { code, output, errors } = await demo('--orders', '120', '--rate', '200', '--seed', '3');
    expect(errors).toBe('');
    expect(output).toMatch(/THE AUDIT|The audit holds/);
    expect(code).toBe(0);
    expect(output).toMatch(/^ +\d\.\d s {2}\d+\/120 orders placed, \d+ closed \| .* \| retries [1-9]\d*, /m);
    expect(output).toMatch(/payment-service gave up on order.placed of order-00041 after 6 attempts/);
    expect(output).toMatch(/^ {2}payment-service +orders +239 +238 +1 +0 +0 +0 +0 +0 +0$/m);
    expect(output).toContain('120 orders: 119 closed, 1 in the dead letters, 0 unfinished.');
    expect(output).toMatch(/shipping-service {2}stopped: 0 handlers finished, 0 events handed back, 0 abandoned/);
    expect(output).not.toContain('\u001b');
  });

  test('wrong flags end with 64 and a word of help', async () => {
    expect(await demo('--turbo')).toEqual({
      code: 64,
      output: '',
      errors: "Unknown option '--turbo'\nSee --help for what there is.\n",
    });
  });

  test('--help lists every flag', async () => {
    const { code, output } = await demo('--help');
    expect(code).toBe(0);
    for (const flag of ['redis', 'client', 'chaos', 'orders', 'rate', 'seconds', 'seed', 'plain', 'help']) {
      expect(output).toContain(`--${flag}`);
    }
  });

  test('a server that is not there is told in a sentence', async () => {
    const { code, output, errors } = await demo('--redis', 'redis://:secret@127.0.0.1:1');
    expect({ code, output }).toEqual({ code: 1, output: '' });
    expect(errors).toContain('127.0.0.1:1');
    expect(errors).not.toMatch(/secret|\n +at /);
  });
});
