import type { Validator } from '@events/core';
import { checkFunction, validatorOf } from './validator-of.js';

/**
 * A validator of a predicate: `true` lets data pass as it is, `false` refuses it with `message` (default: `was refused`). A type
 * guard gives handlers its type. It may answer later. Anything else than a truth value, and throwing, is a refusal too.
 *
 * @throws OptionsError for something that is not a function
 */
export function predicateValidator<Data>(guard: (value: unknown) => value is Data, message?: string): Validator<Data>;
export function predicateValidator<Data = unknown>(
  predicate: (value: unknown) => boolean | Promise<boolean>,
  message?: string,
): Validator<Data>;
export function predicateValidator<Data>(
  predicate: (value: unknown) => boolean | Promise<boolean>,
  message = 'was refused',
): Validator<Data> {
  checkFunction('predicateValidator', predicate);
  const judge = (value: unknown, verdict: boolean) => {
    if (verdict === true) return { value: value as Data };
    return { issues: [{ message: verdict === false ? message : 'the predicate says neither true nor false' }] };
  };
  return validatorOf('events-predicate', (value) => {
    const verdict = predicate(value);
    return verdict instanceof Promise ? verdict.then((settled) => judge(value, settled)) : judge(value, verdict);
  });
}
