import { OptionsError } from './errors.js';

/**
 * A schema of any library that implements the Standard Schema: zod, valibot, arktype and others.
 * Source: https://standardschema.dev
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    /** What some libraries say beyond that: the JSON Schema of what a schema takes and of what it gives. */
    readonly jsonSchema?: JsonSchemaOf | undefined;
  };
}

/**
 * The second half of the standard. Either may throw for a schema that JSON Schema cannot express.
 * Source: https://standardschema.dev/json-schema
 */
export interface JsonSchemaOf {
  readonly input: (options: JsonSchemaOptions) => Record<string, unknown>;
  readonly output: (options: JsonSchemaOptions) => Record<string, unknown>;
}

export interface JsonSchemaOptions {
  /** The dialect: `draft-2020-12`, `draft-07`, and others that a library knows. */
  readonly target: 'draft-2020-12' | 'draft-07' | (string & {});
}

/** What a schema says of a value: the output, or what is wrong with the input. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema accepts. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input'];

/** What a schema makes of it. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['output'];

/** Throws `OptionsError` unless `schema` is a Standard Schema. `what` says where it stands. */
export function checkSchema(what: string, schema: unknown): asserts schema is StandardSchema {
  // some libraries' schemas are functions
  const holder =
    typeof schema === 'object' || typeof schema === 'function' ? (schema as StandardSchema | null) : undefined;
  if (typeof holder?.['~standard']?.validate !== 'function') {
    throw new OptionsError(`${what} is not a Standard Schema (it has no '~standard'.validate)`);
  }
}
