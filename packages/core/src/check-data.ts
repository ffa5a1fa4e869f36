import { isThenable } from './emitter.js';
import { ValidationError, type ValidationIssue } from './errors.js';
import { describeError } from './retry-record.js';
import type { SchemaIssue, SchemaResult, StandardSchema } from './standard-schema.js';

/**
 * The schema's output for `data`, or a promise of it where the schema is asynchronous. Knows no library, and keeps the data
 * out of every message.
 *
 * @throws ValidationError (or rejects with it) when the data does not match. `what` says whose data it is
 */
export function outputFor(what: string, schema: StandardSchema, data: unknown): unknown {
  let result: SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
  try {
    result = schema['~standard'].validate(data);
  } catch (error) {
    throw brokenSchema(what, error);
  }
  if (!isThenable(result)) return outputOf(what, data, result);
  return Promise.resolve(result).then(
    (settled) => outputOf(what, data, settled),
    (error) => {
      throw brokenSchema(what, error);
    },
  );
}

/** `next` of a value, at once or as soon as it is there. */
export function whenThere(value: unknown, next: (value: unknown) => unknown): unknown {
  return isThenable(value) ? Promise.resolve(value).then(next) : next(value);
}

/** What a schema threw may quote the data: only its name is passed on. */
function brokenSchema(what: string, error: unknown): ValidationError {
  const { name } = describeError(error);
  return new ValidationError(`The schema of ${what} threw (${name}) instead of answering`, [
    { path: '', message: `the schema threw ${name}` },
  ]);
}

function outputOf(what: string, data: unknown, result: SchemaResult<unknown>): unknown {
  if (typeof result !== 'object' || result === null) throw brokenSchema(what, new TypeError());
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map((issue) => toIssue(issue, data));
  const listed = issues.slice(0, 5).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const rest = issues.length > 5 ? ` and ${issues.length - 5} more` : '';
  throw new ValidationError(`Data of ${what} does not match its contract: ${listed.join('; ')}${rest}`, issues);
}

function toIssue({ message, path = [] }: SchemaIssue, data: unknown): ValidationIssue {
  const keys = path.map((segment) => (typeof segment === 'object' ? segment.key : segment));
  return { path: keys.map(String).join('.'), message: withoutValue(message, valueAt(data, keys)) };
}

function valueAt(data: unknown, keys: readonly PropertyKey[]): unknown {
  return keys.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    data,
  );
}

/** Some libraries quote the value that they refuse, and messages end up in logs. */
function withoutValue(message: string, value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return message;
  const text = String(value);
  if (text === '') return message;
  const literals = [text, JSON.stringify(text).slice(1, -1)].map((literal) =>
    literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  // a number must not be cut out of a larger one
  return message.replace(new RegExp(`(?<![\\w.])(?:${literals.join('|')})(?!\\w)`, 'g'), '…');
}
