import type { SchemaIssue } from '@events/core';

/** What zod says beyond the standard's issue. */
interface ZodIssue extends SchemaIssue {
  readonly code?: string;
  readonly keys?: readonly string[];
  /** zod 4: the issues of each option of a union. */
  readonly errors?: readonly (readonly ZodIssue[])[];
  /** zod 3: the same. */
  readonly unionErrors?: readonly { readonly issues: readonly ZodIssue[] }[];
  readonly discriminator?: string;
  /** zod 3: a type, or, of an enumeration, the value itself. */
  readonly received?: unknown;
}

const mostOptions = 5;

/** Issues that a reader can act upon: one for each unknown field, and for a union why each option was refused. */
export function readable(issues: readonly SchemaIssue[]): SchemaIssue[] {
  return issues.flatMap((issue) => rewritten(issue));
}

function rewritten(issue: ZodIssue): SchemaIssue[] {
  const { code, keys, path = [] } = issue;
  if (code === 'unrecognized_keys' && keys !== undefined) {
    return keys.map((key) => ({ path: [...path, key], message: 'unknown field' }));
  }
  const options = issue.errors ?? issue.unionErrors?.map((each) => each.issues);
  if (code !== 'invalid_union' || options === undefined) return [{ path, message: issue.message }];
  if (options.length === 0) return [{ path, message: `no option has this ${issue.discriminator ?? 'value'}` }];
  const nearly = options.filter((each) => each.every((inner) => inner.code === 'unrecognized_keys'));
  const isFromTop = issue.errors === undefined;
  // but for unknown fields it is this one
  if (nearly.length === 1) {
    return (nearly[0] ?? []).flatMap((inner) =>
      rewritten({ ...inner, path: isFromTop ? (inner.path ?? []) : [...path, ...(inner.path ?? [])] }),
    );
  }
  const said = options.slice(0, mostOptions).map((each) => describe(each, path.length, isFromTop));
  const rest = options.length > mostOptions ? `, or ${options.length - mostOptions} more` : '';
  return [{ path, message: `matches no option: ${said.join(', or ')}${rest}` }];
}

/** Paths within options are told from the union on; those of zod 3 begin at the top. */
function describe(issues: readonly ZodIssue[], depth: number, isFromTop: boolean): string {
  const parts = issues
    .flatMap((issue) => rewritten(withoutValue(issue)))
    .map(({ path = [], message }) => {
      const keys = (isFromTop ? path.slice(depth) : path).map((key) => String(typeof key === 'object' ? key.key : key));
      return keys.length === 0 ? message : `${keys.join('.')}: ${message}`;
    });
  return `(${parts.join('; ')})`;
}

/** What core does for the value that an issue is about it cannot do within a union: messages end up in logs. */
function withoutValue(issue: ZodIssue): ZodIssue {
  const { code, received, message } = issue;
  const isValue = code === 'invalid_enum_value' && typeof received === 'string' && received !== '';
  return isValue ? { ...issue, message: message.replaceAll(received, '…') } : issue;
}
