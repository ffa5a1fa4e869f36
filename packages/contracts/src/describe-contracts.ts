import {
  checkKeys,
  defineEvents,
  type EventContracts,
  OptionsError,
  type StandardSchema,
  type ValidatorFactory,
  versionsOf,
} from '@events/core';
import type { JsonSchema } from './json-schema.js';

/** Contracts as data: what a registry says, fit to be stored, compared and rendered. */
export interface ContractsDocument {
  readonly format: 'events-contracts/1';
  /** By event type. */
  readonly events: Readonly<Record<string, EventDescription>>;
}

export interface EventDescription {
  /** From version 1 on; the last one is what is published. */
  readonly versions: readonly VersionDescription[];
}

export interface VersionDescription {
  /** What `publish` takes, which is what is stored. `null` = the schema has no JSON Schema. */
  readonly published: JsonSchema | null;
  /** What handlers get of the last version. `null` = the schema has no JSON Schema for it: it gives a `Date`, for instance. */
  readonly handled: JsonSchema | null;
}

export interface DescribeOptions {
  /** What gives JSON Schemas of libraries whose schemas have none: `valibotValidator`; `zodValidator`, for zod 3. */
  readonly validator?: ValidatorFactory | readonly ValidatorFactory[] | undefined;
}

const dialect = { target: 'draft-07' } as const;

/**
 * What contracts say, as JSON Schema (draft 07). zod 4 and arktype write it themselves; zod 3 and valibot with the validators of
 * `@events/validator-zod` and `-valibot`, given here or used in the contracts.
 *
 * @throws OptionsError and EventTypeError as `defineEvents`
 */
export function describeContracts(events: EventContracts, options: DescribeOptions = {}): ContractsDocument {
  checkKeys('describeContracts', options, ['validator']);
  const factories = options.validator === undefined ? [] : [options.validator].flat();
  const described = Object.entries(defineEvents(events)).map(([type, contract]): [string, EventDescription] => {
    const versions = versionsOf(contract).map(({ schema }) => describeVersion(schema, factories));
    return [type, { versions }];
  });
  return { format: 'events-contracts/1', events: Object.fromEntries(described) };
}

function describeVersion(schema: StandardSchema, factories: readonly ValidatorFactory[]): VersionDescription {
  const factory = factories.find(({ vendor }) => vendor === schema['~standard'].vendor);
  const { jsonSchema } = (factory === undefined ? schema : factory(schema as never))['~standard'];
  return {
    published: attempt(() => jsonSchema?.input(dialect)),
    handled: attempt(() => jsonSchema?.output(dialect)),
  };
}

/** Schemas say by throwing what JSON Schema cannot express. */
function attempt(write: () => JsonSchema | undefined): JsonSchema | null {
  try {
    // what cannot be stored is not there
    return JSON.parse(JSON.stringify(write() ?? null));
  } catch {
    return null;
  }
}

/**
 * The same, of JSON that was read from a file.
 *
 * @throws OptionsError when it is something else
 */
export function checkContractsDocument(document: unknown): ContractsDocument {
  const { format, events } = (document ?? {}) as Partial<ContractsDocument>;
  const isDocument =
    format === 'events-contracts/1' &&
    typeof events === 'object' &&
    events !== null &&
    Object.values(events).every((event) => Array.isArray(event?.versions) && event.versions.length > 0);
  if (!isDocument) {
    throw new OptionsError(
      "This is no description of contracts: write one with describeContracts, or 'events-contracts describe'",
    );
  }
  return document as ContractsDocument;
}
