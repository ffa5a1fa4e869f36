import {
  type JsonSchemaOf,
  OptionsError,
  type SchemaInput,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
  type StrictMode,
  type Validator,
  type ValidatorOptions,
} from '@events/core';
import { jsonSchemaOf } from './json-schema.js';
import { readable } from './readable-issues.js';
import { isZod3, withStrictMode as withStrictMode3 } from './strict-zod-3.js';
import { isZod4, withStrictMode as withStrictMode4 } from './strict-zod-4.js';

/** A zod schema as a validator: a Standard Schema with a JSON Schema, of zod 3 too. */
export type ZodValidator<Schema extends StandardSchema> = Validator<SchemaInput<Schema>, SchemaOutput<Schema>> & {
  readonly '~standard': { readonly jsonSchema: JsonSchemaOf };
};

const strictModes: readonly (StrictMode | undefined)[] = [undefined, 'refuse', 'strip', 'keep'];

function validatorOf<Schema extends StandardSchema>(
  schema: Schema,
  options: ValidatorOptions = {},
): ZodValidator<Schema> {
  const { strictMode } = options;
  if (!strictModes.includes(strictMode)) {
    throw new OptionsError(`strictMode must be one of 'refuse', 'strip', 'keep', not ${String(strictMode)}`);
  }
  const made = sources.get(schema);
  // what a contract says of itself goes before what holds for all of them
  if (made !== undefined && (made.strictMode !== undefined || strictMode === undefined)) return schema as never;
  const source = made?.schema ?? schema;
  const strict = strictly(source, strictMode);
  const { validate } = strict['~standard'];
  const answer = (result: SchemaResult<SchemaOutput<Schema>>): SchemaResult<SchemaOutput<Schema>> =>
    result.issues === undefined ? result : { issues: readable(result.issues) };
  const validator = {
    '~standard': {
      version: 1,
      vendor: 'zod',
      validate: (value: unknown) => {
        const result = validate(value) as
          | SchemaResult<SchemaOutput<Schema>>
          | Promise<SchemaResult<SchemaOutput<Schema>>>;
        return result instanceof Promise ? result.then(answer) : answer(result);
      },
      jsonSchema: jsonSchemaOf(strict),
    },
  } as const;
  sources.set(validator, { schema: source, strictMode });
  return validator as unknown as ZodValidator<Schema>;
}

/** What validators were made of. */
const sources = new WeakMap<object, { readonly schema: StandardSchema; readonly strictMode: StrictMode | undefined }>();

function strictly(schema: StandardSchema, strictMode: StrictMode | undefined): StandardSchema {
  if (isZod4(schema)) return strictMode === undefined ? schema : withStrictMode4(schema, strictMode);
  if (isZod3(schema)) return strictMode === undefined ? schema : withStrictMode3(schema, strictMode);
  throw new OptionsError('zodValidator takes a schema of zod 3.25 or 4');
}

/**
 * A validator of a zod schema, of zod 3.25, 4 or mini. Beyond the Standard Schema that zod implements itself: `strictMode`,
 * issues that say why each option of a union was refused, and a JSON Schema of zod 3 schemas too. Use it in `defineEvents`, as
 * `validation.schema`, or, given itself as `validation.validator`, for every zod schema of a publisher or consumer.
 *
 * @throws OptionsError for something that is not a zod schema, and for an unknown mode
 */
export const zodValidator = Object.assign(validatorOf, { vendor: 'zod' });
