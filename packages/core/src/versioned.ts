import { OptionsError } from './errors.js';
import { checkSchema, type SchemaInput, type SchemaOutput, type StandardSchema } from './standard-schema.js';

/** One version of a contract, and how what it gives becomes what the next one takes. */
export interface ContractVersion {
  readonly schema: StandardSchema;
  /** `undefined` in the last one. */
  readonly upcast: ((data: never) => unknown) | undefined;
}

/**
 * A contract whose events were published under earlier versions too. It is the schema of its last version; the versions
 * count from 1, and what is stored says under which it was published.
 */
export interface VersionedContract<Input = unknown, Output = Input> extends StandardSchema<Input, Output> {
  readonly versions: readonly ContractVersion[];
  /**
   * The next version. `upcast` makes what it takes of what this one gives: an event that was published under this version is
   * checked by it, handed on, and checked by the next. It may answer later, and must not change what it is given.
   */
  next<Schema extends StandardSchema>(
    schema: Schema,
    upcast: (data: Output) => SchemaInput<Schema> | Promise<SchemaInput<Schema>>,
  ): VersionedContract<SchemaInput<Schema>, SchemaOutput<Schema>>;
}

/**
 * The first version of a contract that has several: `versioned(v1).next(v2, (data) => …)`. Publishers write the last one,
 * consumers read all of them.
 *
 * @throws OptionsError for something that is not a Standard Schema, and for an upcaster that is not a function
 */
export function versioned<Schema extends StandardSchema>(
  schema: Schema,
): VersionedContract<SchemaInput<Schema>, SchemaOutput<Schema>> {
  checkSchema('The first version', schema);
  return contractOf([{ schema, upcast: undefined }]) as VersionedContract<SchemaInput<Schema>, SchemaOutput<Schema>>;
}

/** The versions of a contract: one, unless it is `versioned`. */
export function versionsOf(schema: StandardSchema): readonly ContractVersion[] {
  return isVersioned(schema) ? schema.versions : [{ schema, upcast: undefined }];
}

/** A contract of these versions. */
export function contractOf(versions: readonly ContractVersion[]): VersionedContract {
  const last = versions.at(-1) as ContractVersion;
  return Object.freeze({
    [brand]: true,
    '~standard': last.schema['~standard'],
    versions: Object.freeze(versions),
    next: (schema: StandardSchema, upcast: (data: never) => unknown) => {
      checkSchema(`Version ${versions.length + 1}`, schema);
      if (isVersioned(schema)) throw new OptionsError('A version may not have versions itself');
      if (typeof upcast !== 'function') {
        throw new OptionsError(
          `next needs a function that makes version ${versions.length + 1} of version ${versions.length}`,
        );
      }
      return contractOf([...versions.slice(0, -1), { ...last, upcast }, { schema, upcast: undefined }]) as never;
    },
  });
}

/** Copies of this package recognise each other's contracts. A schema of some library may have a property `versions` too. */
const brand = Symbol.for('@events/core/versioned');

function isVersioned(schema: StandardSchema): schema is VersionedContract {
  return Object.hasOwn(schema, brand);
}
