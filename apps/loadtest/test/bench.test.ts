import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { casesFor, nameOf } from '../src/bench/cases.js';
import { parseOptions, UsageError } from '../src/bench/options.js';
import { makeOrders } from '../src/bench/orders.js';
import { reportLines } from '../src/bench/report.js';
import type { CaseResult } from '../src/bench/schedule.js';
import { compareRounds, median, percentile, spread } from '../src/bench/statistics.js';
import { short, table } from '../src/bench/table.js';
import { judge } from '../src/bench/targets.js';

const run = promisify(execFile);
const program = fileURLToPath(new URL('../dist/bench/main.js', import.meta.url));

describe('statistics', () => {
  test('the median is the middle, or halfway between the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test('a percentile is a value that was measured', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile([7], 0.001)).toBe(7);
    expect(percentile([], 0.5)).toBeNaN();
  });

  test('a spread keeps the extremes', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  });

  test('sides are compared within a round, and rounds without one side do not count', () => {
    // the medians alone would say 20 / 20: the machine was slower in the second round, for both
    expect(compareRounds('ratio', [20, 10, 30], [10, 5, undefined])).toEqual({ median: 2, min: 2, max: 2 });
    expect(compareRounds('difference', [5, 7], [4, 5])).toEqual({ median: 1.5, min: 1, max: 2 });
    expect(compareRounds('ratio', [undefined], [1]).median).toBeNaN();
  });
});

describe('options', () => {
  test('without any, everything is measured on both clients in five rounds', () => {
    const options = parseOptions([]);
    expect(options).toMatchObject({ quick: false, clients: ['ioredis', 'node-redis'], rounds: 5, patienceMs: 600_000 });
    const names = casesFor(options).map(nameOf);
    expect(names).toContain('publish node-redis 16 KiB ×1024');
    expect(names).toContain('publish ioredis 1 KiB ×64 zod');
    expect(names).toContain('latency ioredis 1 KiB 5000/s');
    expect(names).toContain('memory node-redis');
    expect(new Set(names).size).toBe(names.length);
  });

  test('--quick leaves out what takes long', () => {
    const kinds = new Set(casesFor(parseOptions(['--quick'])).map(({ kind }) => kind));
    expect([...kinds]).toEqual(['publish', 'consume', 'e2e', 'latency']);
  });

  test('what is asked for is measured, and nothing else', () => {
    const words = ['--only', 'publish,e2e', '--client', 'ioredis', '--size', '100', '--in-flight', '1,8'];
    expect(casesFor(parseOptions(words)).map(nameOf)).toEqual([
      'publish ioredis 100 B ×1',
      'publish ioredis 100 B ×8',
      'end to end ioredis 100 B ×1',
      'end to end ioredis 100 B ×8',
    ]);
  });

  test.each([
    ['--only', 'publish,consumption'],
    ['--client', 'redis'],
    ['--rounds', '0'],
    ['--size', '100,'],
    ['--in-flight', 'many'],
    ['--events', '1.5'],
    ['--fast', '1'],
  ])('%s %s is refused', (...words) => {
    expect(() => parseOptions(words)).toThrow(UsageError);
  });
});

test('orders are as large as asked for, within what their numbers take', () => {
  for (const size of [100, 1_024, 16_384]) {
    const lengths = makeOrders(size, 20).map((order) => JSON.stringify(order).length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(size + 8);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(size - 8);
  }
});

describe('the report', () => {
  const result: CaseResult = {
    benchCase: { kind: 'publish', client: 'ioredis', size: 1_024, inFlight: 64, validated: false },
    runs: {
      plain: [
        { metrics: { rate: 100, clientCpuUs: 10, redisCpuUs: 2 }, foreignCores: 0 },
        { metrics: { rate: 50, clientCpuUs: 20, redisCpuUs: 2 }, foreignCores: 0 },
      ],
      without: [],
      library: [
        { metrics: { rate: 120, clientCpuUs: 12, redisCpuUs: 2 }, foreignCores: 0 },
        { metrics: { rate: 60, clientCpuUs: 24, redisCpuUs: 2 }, foreignCores: 0 },
      ],
    },
  };

  test('says of each metric how the library compares, and whether that is enough', () => {
    const [rate, cpu, redis] = reportLines([result]);
    expect(rate).toMatchObject({ metric: 'rate', base: 75, library: 90, verdict: 'holds' });
    expect(rate?.compared.median).toBeCloseTo(1.2);
    expect(cpu).toMatchObject({ metric: 'clientCpuUs', verdict: 'FAILS' });
    expect(redis).toMatchObject({ metric: 'redisCpuUs', target: undefined, verdict: '' });
  });

  test('compares a publisher that trims with one that does not, and with the loop', () => {
    const runs = (rate: number) => [{ metrics: { rate }, foreignCores: 0 }];
    const lines = reportLines([
      {
        benchCase: { kind: 'trim', client: 'ioredis', size: 1_024, inFlight: 64, hasGroup: false },
        runs: { plain: runs(50), without: runs(100), library: runs(94) },
      },
    ]);
    const rates = lines.filter(({ metric }) => metric === 'rate');
    expect(rates).toEqual([
      expect.objectContaining({ case: 'trim ioredis 1 KiB ×64, no group, on and off', base: 100, verdict: 'FAILS' }),
      expect.objectContaining({ case: 'trim ioredis 1 KiB ×64, no group', base: 50, verdict: '' }),
    ]);
  });

  test('is a table that Markdown understands', () => {
    const [head, rule, first, ...rest] = table(reportLines([result])).split('\n');
    expect(head).toMatch(/^\| case +\| metric/);
    expect(rule).toMatch(/^\| -+ \| -+ /);
    expect(first).toMatch(/publish ioredis 1 KiB ×64 .* 1\.20× .* ≥ 1 \| +≥ 1\.3 \| holds/);
    expect(rest).toHaveLength(2);
  });

  test('judges by the bound and the aim', () => {
    const target = { direction: 'at most', must: 1.1, aim: 0.9 } as const;
    expect(judge(target, 0.9)).toBe('aim reached');
    expect(judge(target, 1.1)).toBe('holds');
    expect(judge(target, 1.11)).toBe('FAILS');
    expect(judge(target, Number.NaN)).toBe('not measured');
    expect(judge(undefined, 5)).toBe('');
  });

  test('writes three digits that matter', () => {
    expect([0.876, 12.34, 123.4, 12_345, 123_456, Number.NaN].map(short)).toEqual([
      '0.88',
      '12.3',
      '123',
      '12.3k',
      '123k',
      '–',
    ]);
  });
});

describe('the program', () => {
  let directory: string;

  beforeAll(async () => {
    // measured processes run what is compiled
    if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
    directory = await mkdtemp(join(tmpdir(), 'bench-'));
  });

  afterAll(() => rm(directory, { recursive: true }));

  test.each([
    ['ioredis', 'publish,consume', ['publish ioredis 100 B ×8', 'consume ioredis 100 B']],
    [
      'node-redis',
      'e2e,trim',
      [
        'end to end node-redis 100 B ×8',
        ...['no group', 'no group, on and off', 'a group, on and off'].map(
          (rest) => `trim node-redis 100 B ×8, ${rest}`,
        ),
      ],
    ],
  ])(
    'measures a few events on %s, checks that all of them arrived, and writes what it found',
    async (client, only, names) => {
      const json = join(directory, `${client}.json`);
      const words = ['--only', only, '--client', client, '--size', '100', '--in-flight', '8', '--events', '300'];
      const { stdout } = await run(process.execPath, [
        program,
        ...words,
        '--rounds',
        '1',
        '--patience',
        '0',
        '--json',
        json,
      ]);
      expect(stdout).toContain('0 failed');
      const report = JSON.parse(await readFile(json, 'utf8'));
      expect(new Set(report.lines.map((line: { case: string }) => line.case))).toEqual(new Set(names));
      expect(report.noise.failed).toBe(0);
      for (const { base, library, comparison, compared } of report.lines) {
        expect(base).toBeGreaterThan(0);
        expect(library).toBeGreaterThan(0);
        expect(compared.median).toBeCloseTo(comparison === 'ratio' ? library / base : library - base, 5);
      }
    },
  );

  test('lets a publisher that trims take turns with one that does not', async () => {
    const json = join(directory, 'trim-turns.json');
    const words = ['--only', 'trim-turns', '--client', 'ioredis', '--quick', '--events', '300', '--rounds', '1'];
    const { stdout } = await run(process.execPath, [program, ...words, '--patience', '0', '--json', json]);
    expect(stdout).toContain('0 failed');
    const { lines } = JSON.parse(await readFile(json, 'utf8'));
    expect(lines).toEqual([
      expect.objectContaining({ case: 'trim-turns ioredis', metric: 'keptRate', library: expect.any(Number) }),
      expect.objectContaining({ metric: 'keptCpu', library: expect.any(Number) }),
    ]);
    for (const { library } of lines) expect(library).toBeGreaterThan(0);
  });

  test('says what it does not understand', async () => {
    await expect(run(process.execPath, [program, '--rounds', 'x'])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--rounds takes a whole number'),
    });
  });
});
