import {
  type DocumentedValidator,
  type SchemaInput,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
  type StrictMode,
  type ValidatorOptions,
  validatorsOf,
} from '@events/core';
import { jsonSchemaOf } from './json-schema.js';
import { readable } from './readable-issues.js';
import { isZod3, withStrictMode as withStrictMode3 } from './strict-zod-3.js';
import { isZod4, withStrictMode as withStrictMode4 } from './strict-zod-4.js';

/** A zod schema as a validator: a Standard Schema with a JSON Schema, of zod 3 too. */
export type ZodValidator<Schema extends StandardSchema> = DocumentedValidator<
  SchemaInput<Schema>,
  SchemaOutput<Schema>
>;

const make = validatorsOf({
  vendor: 'zod',
  takes: 'a schema of zod 3.25 or 4',
  accepts: (schema) => isZod4(schema) || isZod3(schema),
  open(schema, strictMode) {
    const strict = strictMode === undefined ? schema : strictly(schema, strictMode);
    const { validate } = strict['~standard'];
    return {
      validate: (value) => {
        const result = validate(value);
        return result instanceof Promise ? result.then(answer) : answer(result);
      },
      jsonSchema: jsonSchemaOf(strict),
    };
  },
});

function strictly(schema: StandardSchema, strictMode: StrictMode): StandardSchema {
  if (isZod4(schema)) return withStrictMode4(schema, strictMode);
  return isZod3(schema) ? withStrictMode3(schema, strictMode) : schema;
}

function answer(result: SchemaResult<unknown>): SchemaResult<unknown> {
  return result.issues === undefined ? result : { issues: readable(result.issues) };
}

/**
 * A validator of a zod schema, of zod 3.25, 4 or mini. Beyond the Standard Schema that zod implements itself: `strictMode`,
 * issues that say why each option of a union was refused, and a JSON Schema of zod 3 schemas too. Use it in `defineEvents`, as
 * `validation.schema`, or, given itself as `validation.validator`, for every zod schema of a publisher or consumer.
 *
 * @throws OptionsError for something that is not a zod schema, and for an unknown mode
 */
export const zodValidator = Object.assign(
  <Schema extends StandardSchema>(schema: Schema, options?: ValidatorOptions) =>
    make(schema, options) as ZodValidator<Schema>,
  { vendor: 'zod' },
);
