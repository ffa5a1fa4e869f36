import {
  type DocumentedValidator,
  type JsonSchemaOptions,
  type SchemaInput,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
  type ValidatorOptions,
  validatorsOf,
} from '@events/core';
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { readable } from './readable-issues.js';
import { isValibot, withStrictMode } from './strict-mode.js';

/** A valibot schema as a validator: a Standard Schema with a JSON Schema. */
export type ValibotValidator<Schema extends StandardSchema> = DocumentedValidator<
  SchemaInput<Schema>,
  SchemaOutput<Schema>
>;

const make = validatorsOf({
  vendor: 'valibot',
  takes: 'a schema of valibot 1',
  accepts: isValibot,
  open(given, strictMode) {
    const source = given as unknown as Parameters<typeof withStrictMode>[0];
    const strict = (strictMode === undefined ? source : withStrictMode(source, strictMode)) as never;
    return {
      validate: source.async
        ? (value) => v.safeParseAsync(strict, value).then(answer)
        : (value) => answer(v.safeParse(strict, value)),
      jsonSchema: { input: jsonSchemaOf(strict, 'input'), output: jsonSchemaOf(strict, 'output') },
    };
  },
});

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
export const valibotValidator = Object.assign(
  <Schema extends StandardSchema>(schema: Schema, options?: ValidatorOptions) =>
    make(schema, options) as ValibotValidator<Schema>,
  { vendor: 'valibot' },
);
