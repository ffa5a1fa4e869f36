import {
  type JsonSchemaOf,
  type JsonSchemaOptions,
  OptionsError,
  type SchemaInput,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
  type StrictMode,
  type Validator,
  type ValidatorOptions,
} from '@events/core';
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { readable } from './readable-issues.js';
import { isValibot, type ValibotSchema, withStrictMode } from './strict-mode.js';

/** A valibot schema as a validator: a Standard Schema with a JSON Schema. */
export type ValibotValidator<Schema extends StandardSchema> = Validator<SchemaInput<Schema>, SchemaOutput<Schema>> & {
  readonly '~standard': { readonly jsonSchema: JsonSchemaOf };
};

const strictModes: readonly (StrictMode | undefined)[] = [undefined, 'refuse', 'strip', 'keep'];

function validatorOf<Schema extends StandardSchema>(
  schema: Schema,
  options: ValidatorOptions = {},
): ValibotValidator<Schema> {
  const { strictMode } = options;
  if (!strictModes.includes(strictMode)) {
    throw new OptionsError(`strictMode must be one of 'refuse', 'strip', 'keep', not ${String(strictMode)}`);
  }
  const made = sources.get(schema);
  // what a contract says of itself goes before what holds for all of them
  if (made !== undefined && (made.strictMode !== undefined || strictMode === undefined)) return schema as never;
  const source = made?.schema ?? schema;
  if (!isValibot(source)) throw new OptionsError('valibotValidator takes a schema of valibot 1');
  const strict = (strictMode === undefined ? source : withStrictMode(source, strictMode)) as never;
  const validator = {
    '~standard': {
      version: 1,
      vendor: 'valibot',
      validate: source.async
        ? (value: unknown) => v.safeParseAsync(strict, value).then(answer)
        : (value: unknown) => answer(v.safeParse(strict, value)),
      jsonSchema: { input: jsonSchemaOf(strict, 'input'), output: jsonSchemaOf(strict, 'output') },
    },
  } as const;
  sources.set(validator, { schema: source, strictMode });
  return validator as unknown as ValibotValidator<Schema>;
}

/** What validators were made of. */
const sources = new WeakMap<
  object,
  { readonly schema: StandardSchema | ValibotSchema; readonly strictMode: StrictMode | undefined }
>();

function answer({ issues, output }: { readonly issues?: unknown; readonly output: unknown }): SchemaResult<unknown> {
  return issues === undefined ? { value: output } : { issues: readable(issues as Parameters<typeof readable>[0]) };
}

function jsonSchemaOf(schema: never, typeMode: 'input' | 'output') {
  return ({ target }: JsonSchemaOptions): Record<string, unknown> => {
    if (target !== 'draft-2020-12' && target !== 'draft-07') {
      throw new Error(`valibotValidator writes JSON Schema as 'draft-2020-12' or 'draft-07', not '${target}'`);
    }
    return toJsonSchema(schema, { typeMode, target: target as 'draft-07' }) as Record<string, unknown>;
  };
}

/**
 * A validator of a valibot schema. Beyond the Standard Schema that valibot implements itself: `strictMode`, issues that say why
 * each option of a union was refused, and a JSON Schema. Use it in `defineEvents`, as `validation.schema`, or, given itself as
 * `validation.validator`, for every valibot schema of a publisher or consumer.
 *
 * @throws OptionsError for something that is not a valibot schema, and for an unknown mode
 */
export const valibotValidator = Object.assign(validatorOf, { vendor: 'valibot' });
