// What validators cost: `npm run validators -- --rounds 9`.
import { parseArgs } from 'node:util';
import { measureValidators } from './measure-validators.js';

const usage = `Usage: npm run validators -- [--rounds N] [--json]

Measures every validator next to the bare call of its library, in turn, on orders of 1 KiB.
`;

async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...words],
    options: { rounds: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return;
  }
  const rounds = Number(values.rounds ?? 9);
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number of at least 1');
  const costs = await measureValidators(rounds);
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify(costs, null, 2)}\n`);
    return;
  }
  const rows = costs.map(({ name, bareNs, contractNs }) => {
    return `| ${name} | ${bareNs.toFixed(0)} | ${contractNs.toFixed(0)} | ${(contractNs / bareNs).toFixed(2)}× |`;
  });
  const head = '| Validator | bare call ns | as a validator ns | ratio |';
  process.stdout.write(`${[head, '| --- | ---: | ---: | ---: |', ...rows].join('\n')}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
});
