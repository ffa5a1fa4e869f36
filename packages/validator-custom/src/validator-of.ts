import { OptionsError, type SchemaResult, type Validator } from '@events/core';

/** A validator that answers as `validate` does; what that throws, core takes for a refusal and does not pass on. */
export function validatorOf<Input, Output>(
  vendor: string,
  validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>,
): Validator<Input, Output> {
  return Object.freeze({ '~standard': Object.freeze({ version: 1, vendor, validate } as const) });
}

/** Throws `OptionsError` unless `given` can be called. */
export function checkFunction(owner: string, given: unknown): void {
  // schemas of some libraries are functions too, and mean something else when they are called
  const isSchema = typeof given === 'function' && '~standard' in given;
  if (isSchema)
    throw new OptionsError(`${owner} was given a Standard Schema, which needs no validator: use it as it is`);
  if (typeof given !== 'function') throw new OptionsError(`${owner} needs a function`);
}

/** A message for an issue, of whatever was thrown. */
export function messageOf(error: unknown): string {
  try {
    if (error instanceof Error && error.message !== '') return String(error.message);
    return typeof error === 'string' && error !== '' ? error : 'was refused';
  } catch {
    return 'was refused';
  }
}

/** The issues of an error that carries some, as errors of schema libraries do; otherwise its message. */
export function issuesOf(error: unknown): {
  readonly issues: readonly { readonly message: string; readonly path?: PropertyKey[] }[];
} {
  const given = listOf(error);
  if (given === undefined) return { issues: [{ message: messageOf(error) }] };
  return {
    issues: given.map(({ message, path }) => ({
      message: typeof message === 'string' ? message : 'was refused',
      ...(Array.isArray(path) ? { path: path.map(keyOf) } : {}),
    })),
  };
}

function listOf(error: unknown): readonly { readonly message?: unknown; readonly path?: unknown }[] | undefined {
  try {
    const { issues } = error as { readonly issues?: unknown };
    return Array.isArray(issues) &&
      issues.length > 0 &&
      issues.every((issue) => typeof issue === 'object' && issue !== null)
      ? issues
      : undefined;
  } catch {
    return undefined;
  }
}

function keyOf(segment: unknown): PropertyKey {
  const key = typeof segment === 'object' && segment !== null ? (segment as { readonly key?: unknown }).key : segment;
  return typeof key === 'number' || typeof key === 'symbol' ? key : String(key);
}
