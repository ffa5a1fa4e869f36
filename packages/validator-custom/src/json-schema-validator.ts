import { type JsonSchemaOf, OptionsError, type SchemaIssue, type Validator } from '@events/core';
import { messageOf } from './validator-of.js';

/** A JSON Schema. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** What is needed of an Ajv instance: of `Ajv`, `Ajv2019` or `Ajv2020`, with the options and formats of your choice. */
export interface AjvLike {
  compile(schema: never): AjvCheck;
  readonly opts?: object;
}

interface AjvCheck {
  (value: unknown): unknown;
  errors?: readonly AjvError[] | null;
}

interface AjvError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: object;
}

/**
 * A validator of a JSON Schema, compiled once by the Ajv instance given. Set `allErrors` there to be told of every issue. Data passes as
 * it is: options by which Ajv changes what it checks (`useDefaults`, `coerceTypes`, `removeAdditional`) work on a copy, which handlers get.
 *
 * @throws OptionsError for something that is not an Ajv instance, and for a schema that it refuses
 */
export function jsonSchemaValidator<Output = unknown, Input = Output>(
  schema: JsonSchema,
  ajv: AjvLike,
): Validator<Input, Output> & { readonly '~standard': { readonly jsonSchema: JsonSchemaOf } } {
  if (typeof ajv?.compile !== 'function') {
    throw new OptionsError(
      "jsonSchemaValidator needs an Ajv instance: new Ajv() of 'ajv', or new Ajv2020() of 'ajv/dist/2020.js'",
    );
  }
  if (typeof schema !== 'boolean' && (typeof schema !== 'object' || schema === null)) {
    throw new OptionsError('jsonSchemaValidator needs a JSON Schema: an object, true or false');
  }
  const { useDefaults, coerceTypes, removeAdditional } = (ajv.opts ?? changing) as Partial<typeof changing>;
  const copyOf = useDefaults || coerceTypes || removeAdditional ? structuredClone : (value: unknown) => value;
  let check: AjvCheck;
  try {
    check = ajv.compile(schema as never);
  } catch (error) {
    throw new OptionsError(`Ajv refuses the JSON Schema: ${messageOf(error)}`);
  }
  const settle = (copy: unknown, isValid: unknown, errors: AjvCheck['errors']) =>
    isValid === true ? { value: copy as Output } : { issues: issuesOf(errors ?? []) };
  const validate = (value: unknown) => {
    const copy = copyOf(value);
    const answer = check(copy);
    if (!(answer instanceof Promise)) return settle(copy, answer, check.errors);
    // a schema with `$async` resolves with the data, and rejects with its errors
    return answer.then(
      () => ({ value: copy as Output }),
      (error: { readonly errors?: readonly AjvError[] }) => {
        if (!Array.isArray(error?.errors)) throw error;
        return { issues: issuesOf(error.errors) };
      },
    );
  };
  const written = () => (typeof schema === 'boolean' ? (schema ? {} : { not: {} }) : { ...schema });
  return Object.freeze({
    '~standard': Object.freeze({
      version: 1,
      vendor: 'ajv',
      validate,
      jsonSchema: Object.freeze({ input: written, output: written }),
    } as const),
  });
}

/** Options by which Ajv changes what it checks; what is not known may. */
const changing: { readonly useDefaults: unknown; readonly coerceTypes: unknown; readonly removeAdditional: unknown } = {
  useDefaults: true,
  coerceTypes: true,
  removeAdditional: true,
};

function issuesOf(errors: readonly AjvError[]): SchemaIssue[] {
  if (errors.length === 0) return [{ message: 'does not match its JSON Schema' }];
  return errors.map(({ instancePath, keyword, message, params }) => {
    const path = pathOf(instancePath);
    const { missingProperty, additionalProperty, unevaluatedProperty } = params as Readonly<Record<string, unknown>>;
    const unknown = additionalProperty ?? unevaluatedProperty;
    if (typeof unknown === 'string') return { path: [...path, unknown], message: 'unknown field' };
    if (keyword === 'required' && typeof missingProperty === 'string') {
      return { path: [...path, missingProperty], message: 'is missing' };
    }
    return { path, message: message ?? `does not match '${keyword}'` };
  });
}

/** Source: https://www.rfc-editor.org/rfc/rfc6901 */
function pathOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}
