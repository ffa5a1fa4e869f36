import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** How long a test of a trial may take. */
export const withinMs = 120_000;

/** How a part of a scenario ended, as its report has it. */
interface PartReport {
  readonly holds: boolean;
  readonly account: Readonly<Record<string, number>>;
}

/** Runs the program. */
export function run(...words: readonly string[]): Promise<{ readonly stderr: string }> {
  // consumers are processes of their own, and those run what is compiled
  if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
  return execute(process.execPath, [program, ...words], { timeout: withinMs });
}

/** Runs the short form of a scenario. Resolves with its report, or rejects with what it wrote when a promise was broken. */
export async function trial(scenario: string, client: string, ...options: readonly string[]): Promise<PartReport[]> {
  const reports = await mkdtemp(join(tmpdir(), 'faults-reports-'));
  try {
    await run(scenario, '--short', '--client', client, '--patience', '10', '--reports', reports, ...options);
    const report = JSON.parse(await readFile(join(reports, `${scenario}-${client}.json`), 'utf8'));
    return Object.values(report.parts);
  } finally {
    await rm(reports, { recursive: true });
  }
}
