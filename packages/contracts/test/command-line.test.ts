import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const program = fileURLToPath(new URL('../dist/esm/main.js', import.meta.url));
const zod = fileURLToPath(import.meta.resolve('zod'));
let directory: string;
const path = (name: string) => join(directory, name);

function run(
  ...words: string[]
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'contracts-'));
  const module = (total: string, name = 'events') =>
    `import { z } from ${JSON.stringify(zod)};\nexport const ${name} = { 'order.placed': z.object({ total: z.${total}() }) };\n`;
  await writeFile(path('old.mjs'), module('number'));
  await writeFile(path('new.mjs'), module('string'));
  await writeFile(path('named.mjs'), module('number', 'shop'));
  await writeFile(
    path('options.json'),
    JSON.stringify({ title: 'Shop', version: '1.0.0', streams: { orders: { types: ['*'] } } }),
  );
});

afterAll(() => rm(directory, { recursive: true }));

describe('events-contracts', () => {
  test('describes a module, and compares it with another one', async () => {
    expect(await run('describe', path('old.mjs'), '--out', path('old.json'))).toMatchObject({
      exitCode: 0,
      stdout: '',
    });
    expect(JSON.parse(await readFile(path('old.json'), 'utf8'))).toMatchObject({ format: 'events-contracts/1' });
    const { exitCode, stdout } = await run('compare', path('old.json'), path('new.mjs'));
    expect(exitCode).toBe(1);
    expect(stdout).toBe(
      'BREAKING  order.placed version 1 total: was of type number, and must be of type string now\n1 breaking, 0 other changes\n',
    );
    expect(await run('compare', path('old.json'), path('old.mjs'))).toMatchObject({
      exitCode: 0,
      stdout: '0 breaking, 0 other changes\n',
    });
  });

  test('tells changes as JSON', async () => {
    const { stdout } = await run('compare', path('old.mjs'), path('new.mjs'), '--json', '--compatibility', 'full');
    expect(JSON.parse(stdout)).toHaveLength(2);
  });

  test('writes an AsyncAPI document and a page', async () => {
    const { stdout } = await run('asyncapi', path('old.mjs'), '--options', path('options.json'));
    expect(JSON.parse(stdout)).toMatchObject({ asyncapi: '3.0.0', info: { title: 'Shop' } });
    const page = await run('html', path('named.mjs'), '--export', 'shop', '--title', 'Shop');
    expect(page.stdout).toMatch(/^<!doctype html>[\s\S]*order\.placed/);
  });

  test('explains itself', async () => {
    expect(await run('--help')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('compare BEFORE AFTER') });
  });

  test.each<[string, string[], string]>([
    ['no command', [], 'Usage'],
    ['an unknown command', ['check', 'x.json'], "no command 'check'"],
    ['an unknown option', ['describe', '--colour'], 'colour'],
    ['no contracts', ['describe'], 'Usage'],
    ['one registry to compare', ['compare', 'a.json'], 'a.json'],
    ['too many', ['describe', 'a', 'b'], 'takes 1'],
    ['a file that is not there', ['describe', 'nowhere.mjs'], 'nowhere.mjs'],
    ['no options', ['asyncapi', 'OLD'], '--options'],
    ['no title', ['html', 'OLD'], 'title'],
    ['a module without a registry', ['describe', 'NAMED'], 'exports nothing called events, contracts, default'],
    ['a file that is no description', ['describe', 'OPTIONS'], 'options.json: This is no description of contracts'],
    ['an unknown compatibility', ['compare', 'OLD', 'OLD', '--compatibility', 'x'], 'compatibility'],
  ])('exits with 2 for %s', async (_name, words, message) => {
    const files: Readonly<Record<string, string>> = { OLD: 'old.mjs', NAMED: 'named.mjs', OPTIONS: 'options.json' };
    const { exitCode, stdout, stderr } = await run(...words.map((word) => (files[word] ? path(files[word]) : word)));
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
