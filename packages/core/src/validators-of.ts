import { OptionsError } from './errors.js';
import type { JsonSchemaOf, SchemaResult, StandardSchema } from './standard-schema.js';
import type { DocumentedValidator, StrictMode, ValidatorOptions } from './validator.js';

/** What a validator package knows of its library. */
export interface ValidatorLibrary {
  readonly vendor: string;
  /** What `schema` is, for messages: `a schema of zod 3.25 or 4`. */
  readonly takes: string;
  accepts(schema: unknown): boolean;
  /** How a schema answers, with objects that treat fields which they do not name as `strictMode` says (`undefined`: as they are). */
  open(
    schema: StandardSchema,
    strictMode: StrictMode | undefined,
  ): {
    readonly validate: (value: unknown) => SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
    readonly jsonSchema: JsonSchemaOf;
  };
}

const strictModes: readonly (StrictMode | undefined)[] = [undefined, 'refuse', 'strip', 'keep'];

/**
 * What packages for a schema library are made with. What it makes may be given to it again: a mode that a validator was made with goes
 * before the one that holds for all of them.
 */
export function validatorsOf(
  library: ValidatorLibrary,
): (schema: StandardSchema, options?: ValidatorOptions) => DocumentedValidator {
  const made = new WeakMap<object, { readonly schema: StandardSchema; readonly strictMode: StrictMode | undefined }>();
  return (given, { strictMode } = {}) => {
    if (!strictModes.includes(strictMode)) {
      throw new OptionsError(`strictMode must be one of 'refuse', 'strip', 'keep', not ${String(strictMode)}`);
    }
    const before = typeof given === 'object' && given !== null ? made.get(given) : undefined;
    if (before !== undefined && (before.strictMode !== undefined || strictMode === undefined)) {
      return given as DocumentedValidator;
    }
    const schema = before?.schema ?? given;
    if (!library.accepts(schema)) throw new OptionsError(`${library.vendor}Validator takes ${library.takes}`);
    const { validate, jsonSchema } = library.open(schema, strictMode);
    const validator = { '~standard': { version: 1, vendor: library.vendor, validate, jsonSchema } } as const;
    made.set(validator, { schema, strictMode });
    return validator;
  };
}
