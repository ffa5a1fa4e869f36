import type { JsonSchemaOf, StandardSchema } from './standard-schema.js';

/** What happens to fields that a schema does not name, at any depth: data with one is refused, it is left out, or it is kept. */
export type StrictMode = 'refuse' | 'strip' | 'keep';

/** What a validator package can do beyond the Standard Schema. */
export interface ValidatorOptions {
  /** Default: what the schema itself says. */
  readonly strictMode?: StrictMode | undefined;
}

/**
 * A schema with what the plain Standard Schema lacks: it is one itself, and is used like any other, in `defineEvents` or as
 * `validation.schema`. A validator is called for every event, may answer later, and keeps nothing between calls.
 */
export type Validator<Input = unknown, Output = Input> = StandardSchema<Input, Output>;

/**
 * Makes validators of one library's schemas: what `@events/validator-zod` and `@events/validator-valibot` export. As
 * `validation.validator` it is applied to every schema of its vendor.
 */
export interface ValidatorFactory {
  // each library's own schemas, which core does not know
  (schema: never, options?: ValidatorOptions): Validator;
  /** Whose schemas it takes, as they name it in `~standard.vendor`. */
  readonly vendor: string;
}

/** A validator that also says what its schema takes and gives, as JSON Schema. */
export type DocumentedValidator<Input = unknown, Output = Input> = Validator<Input, Output> & {
  readonly '~standard': { readonly jsonSchema: JsonSchemaOf };
};
