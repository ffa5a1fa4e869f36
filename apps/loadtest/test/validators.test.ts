import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const run = promisify(execFile);
const program = fileURLToPath(new URL('../dist/validators/main.js', import.meta.url));

test('every validator is measured next to the bare call of its library', async () => {
  const { stdout } = await run(process.execPath, [program, '--rounds', '1', '--json']);
  const costs = JSON.parse(stdout) as readonly {
    readonly name: string;
    readonly bareNs: number;
    readonly contractNs: number;
  }[];
  expect(costs.map(({ name }) => name)).toEqual(expect.arrayContaining(['zod 4', 'zod 3', 'valibot', 'arktype']));
  for (const { bareNs, contractNs } of costs) {
    expect(bareNs).toBeGreaterThan(0);
    expect(contractNs).toBeGreaterThan(0);
  }
});

test('what it does not understand it says', async () => {
  await expect(run(process.execPath, [program, '--rounds', 'many'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--rounds'),
  });
});
