import { inspect } from 'node:util';
import { ExplainedError } from './ground.js';
import { help, parseOptions, UsageError } from './options.js';
import { run } from './run.js';
import type { Output } from './view.js';

const usageExitCode = 64;

/** Runs the demo and resolves with its exit code. */
export async function main(args: readonly string[], output: Output, errors: Output): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options !== 'help') return (await run(options, output)) ? 0 : 1;
    output.write(help);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      errors.write(`${error.message}\nSee --help for what there is.\n`);
      return usageExitCode;
    }
    errors.write(`${error instanceof ExplainedError ? error.message : inspect(error)}\n`);
    return 1;
  }
}
