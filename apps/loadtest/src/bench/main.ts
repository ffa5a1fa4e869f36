// The benchmark program: `npm run bench -- --help`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { findRedisServer } from '@events/tooling-redis';
import { casesFor, sidesOf } from './cases.js';
import { foreignCoresAllowed } from './machine.js';
import { parseOptions, UsageError, usage } from './options.js';
import { disturbance, remarksOf, reportLines } from './report.js';
import { type CaseResult, type Progress, runCases } from './schedule.js';
import { short, table } from './table.js';

const progress: Progress = {
  ran: (name, side, round, { metrics, foreignCores }) => {
    const figures = Object.entries(metrics).map(([metric, value]) => `${metric} ${short(value)}`);
    say(`round ${round + 1}  ${name}  ${side}: ${figures.join(', ')}; foreign ${foreignCores.toFixed(2)}`);
  },
  failed: (name, side, round, error) => {
    process.exitCode = 1;
    say(`round ${round + 1}  ${name}  ${side}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
  },
  patienceOver: () => say('The machine did not become quiet for long enough: going on, disturbed runs included.'),
};

async function main(words: readonly string[]): Promise<void> {
  if (words.includes('--help')) {
    process.stdout.write(usage);
    return;
  }
  const options = parseOptions(words);
  if (options.profile !== undefined) mkdirSync(options.profile, { recursive: true });
  const cases = casesFor(options);
  const environment = { ...environmentFacts(), redisServer: await findRedisServer() };
  const runs = options.rounds * cases.reduce((sum, benchCase) => sum + sidesOf(benchCase).length, 0);
  say(
    `${cases.length} cases, ${options.rounds} rounds, at most ${runs} runs, each with a fresh server and fresh processes`,
  );
  const startedAt = new Date();
  const results = await runCases(cases, options, progress);
  const lines = reportLines(results);
  process.stdout.write(`\n${table(lines)}\n\n${footnotes(results)}\n`);
  if (options.json === undefined) return;
  const noise = disturbance(results, foreignCoresAllowed);
  const report = { startedAt, finishedAt: new Date(), options, environment, noise, lines, results };
  writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
}

function footnotes(results: readonly CaseResult[]): string {
  const { runs, failed, disturbed, foreignCores } = disturbance(results, foreignCoresAllowed);
  const noise = `${runs} runs, ${failed} failed, ${disturbed} disturbed (more than ${foreignCoresAllowed} cores used by others); foreign load: median ${foreignCores.median.toFixed(2)}, at most ${foreignCores.max.toFixed(2)} cores.`;
  const method =
    'Base (the plain loop; where it says on and off, the library without it) and library are medians; what is compared is compared round by round: × = library / base, + and - = library less base, otherwise the library alone. CPU is the figure to trust.';
  return [method, noise, ...remarksOf(results)].join('\n');
}

function environmentFacts() {
  const load = createRequire(import.meta.url);
  const versionOf = (name: string) => (load(`${name}/package.json`) as { readonly version: string }).version;
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processors: cpus().map(({ model }) => model),
    ioredis: versionOf('ioredis'),
    nodeRedis: versionOf('redis'),
  };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
