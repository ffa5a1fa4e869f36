import type { JsonSchemaOf, JsonSchemaOptions, StandardSchema } from '@events/core';
import { z } from 'zod/v4';
import { zodToJsonSchema } from 'zod-to-json-schema';
import { isZod3 } from './strict-zod-3.js';

/** What a schema takes and gives, as JSON Schema. Both throw for what JSON Schema cannot express. */
export function jsonSchemaOf(schema: StandardSchema): JsonSchemaOf {
  if (isZod3(schema)) {
    return {
      input: (options) => ofZod3(schema, options, 'input'),
      output: (options) => ofZod3(schema, options, 'output'),
    };
  }
  const of = (io: 'input' | 'output') => (options: JsonSchemaOptions) => {
    const { target } = options;
    if (target !== 'draft-2020-12' && target !== 'draft-07') throw unknownTarget(target);
    const { '~standard': _standard, ...json } = z.toJSONSchema(schema as never, {
      target: target === 'draft-07' ? 'draft-7' : target,
      io,
    }) as Record<string, unknown>;
    return json;
  };
  return { input: of('input'), output: of('output') };
}

function ofZod3(schema: unknown, { target }: JsonSchemaOptions, io: 'input' | 'output'): Record<string, unknown> {
  if (target !== 'draft-2020-12' && target !== 'draft-07') throw unknownTarget(target);
  const json = zodToJsonSchema(schema as never, {
    target: target === 'draft-07' ? 'jsonSchema7' : 'jsonSchema2019-09',
    effectStrategy: 'input',
    pipeStrategy: io,
    $refStrategy: 'root',
  }) as Record<string, unknown>;
  // what it writes is the same in both dialects
  return target === 'draft-07' ? json : { ...json, $schema: 'https://json-schema.org/draft/2020-12/schema' };
}

function unknownTarget(target: string): Error {
  return new Error(`zodValidator writes JSON Schema as 'draft-2020-12' or 'draft-07', not '${target}'`);
}
