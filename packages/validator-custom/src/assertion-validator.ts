import type { Validator } from '@events/core';
import { checkFunction, issuesOf, validatorOf } from './validator-of.js';

/**
 * A validator of an assertion: returning lets data pass as it is, throwing refuses it with the error's message, or with its
 * `issues` where it has some. An assertion function gives handlers its type. It may reject later instead. **What it says stands in
 * errors, logs and dead letters**: it must not quote the data.
 *
 * @throws OptionsError for something that is not a function
 */
export function assertionValidator<Data>(assertion: (value: unknown) => asserts value is Data): Validator<Data>;
export function assertionValidator<Data = unknown>(assertion: (value: unknown) => unknown): Validator<Data>;
export function assertionValidator<Data>(assertion: (value: unknown) => unknown): Validator<Data> {
  checkFunction('assertionValidator', assertion);
  return validatorOf('events-assertion', (value) => {
    try {
      const answer = assertion(value);
      if (!(answer instanceof Promise)) return { value: value as Data };
      return answer.then(() => ({ value: value as Data }), issuesOf);
    } catch (error) {
      return issuesOf(error);
    }
  });
}
