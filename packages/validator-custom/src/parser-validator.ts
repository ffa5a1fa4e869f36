import type { Validator } from '@events/core';
import { checkFunction, issuesOf, validatorOf } from './validator-of.js';

/**
 * A validator of a parser: what it returns, or resolves with, is what handlers get; throwing refuses the data with the error's
 * message, or with its `issues` where it has some. `Input` is what `publish` takes. **What it says stands in errors, logs and dead
 * letters**: it must not quote the data.
 *
 * @throws OptionsError for something that is not a function
 */
export function parserValidator<Output, Input = Output>(
  parser: (value: unknown) => Output | Promise<Output>,
): Validator<Input, Awaited<Output>> {
  checkFunction('parserValidator', parser);
  return validatorOf<Input, Awaited<Output>>('events-parser', (value) => {
    try {
      const output: unknown = parser(value);
      if (!(output instanceof Promise)) return { value: output as Awaited<Output> };
      return output.then((settled) => ({ value: settled as Awaited<Output> }), issuesOf);
    } catch (error) {
      return issuesOf(error);
    }
  });
}
