import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const run = promisify(execFile);
const program = fileURLToPath(new URL('../dist/survival/main.js', import.meta.url));
const withinMs = 120_000;

let reports: string;

beforeAll(async () => {
  // consumers are processes of their own, and those run what is compiled
  if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
  reports = await mkdtemp(join(tmpdir(), 'survival-reports-'));
});

afterAll(() => rm(reports, { recursive: true }));

interface Part {
  readonly holds: boolean;
  readonly account: Readonly<Record<string, number>>;
}

/** Runs the program. Resolves with its report, or rejects with what it wrote when a promise was broken. */
async function survive(scenario: string, client: string, ...options: readonly string[]): Promise<Part[]> {
  const words = [scenario, '--client', client, '--patience', '10', '--reports', reports, ...options];
  await run(process.execPath, [program, ...words], { timeout: withinMs });
  const report = JSON.parse(await readFile(join(reports, `${scenario}-${client}.json`), 'utf8'));
  return Object.values(report.parts);
}

describe('the short form of', () => {
  test(
    'kill: consumers that are killed at random lose nothing',
    async () => {
      const [part] = await survive('kill', 'ioredis', '--part', '1', '--events', '3000', '--faults', '3');
      expect(part).toMatchObject({ holds: true, account: { attempted: 3_000, lost: 0, 'still pending': 0 } });
    },
    withinMs,
  );

  test(
    'poison: an event that ends its process goes to the dead letters, alone',
    async () => {
      const [part] = await survive('poison', 'node-redis', '--events', '256', '--part', '2');
      expect(part).toMatchObject({ holds: true, account: { attempted: 256, lost: 0, 'dead-lettered': 1 } });
    },
    withinMs,
  );

  test(
    'drop: consuming and publishing go on after every connection was closed',
    async () => {
      const [part] = await survive('drop', 'node-redis', '--faults', '3');
      expect(part).toMatchObject({ holds: true, account: { lost: 0, 'missing from the stream': 0 } });
    },
    withinMs,
  );

  test(
    'stop: what a stopping consumer hands back is soon handled by another one',
    async () => {
      const [part] = await survive('stop', 'ioredis', '--faults', '3');
      expect(part).toMatchObject({ holds: true, account: { lost: 0, duplicates: 0 } });
    },
    withinMs,
  );
});

describe('the program', () => {
  test('says how it is used', async () => {
    const refused = run(process.execPath, [program, 'earthquake']);
    await expect(refused).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('npm run survival') });
  });
});
