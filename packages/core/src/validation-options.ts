import { OptionsError } from './errors.js';
import type { EventContracts } from './event-contracts.js';
import { defineEvents } from './event-contracts.js';
import { type CustomValidator, EventValidator } from './event-validator.js';
import { checkKeys, choice, flag } from './options.js';
import { checkSchema, type StandardSchema } from './standard-schema.js';
import type { StrictMode, ValidatorFactory } from './validator.js';
import { contractOf, versionsOf } from './versioned.js';

/** What is checked of events, beside their contracts. */
export interface ValidationOptions {
  /** Whether data is looked at. `false` = what `events` says of types and versions holds all the same. Default: `true`. */
  readonly enabled?: boolean | undefined;
  /** A schema for the data of every event, where there are no contracts. */
  readonly schema?: StandardSchema | undefined;
  /**
   * A predicate of whole events, asked after the schema: of data as `publish` was given it, or as the handler is about to
   * get it. What it throws counts as a refusal.
   */
  readonly customValidator?: CustomValidator | undefined;
  /**
   * What happens to fields that a schema does not name, at any depth: `refuse` (or `true`), `strip` or `keep`. Default:
   * `false`, what the schema itself says. Anything else needs a `validator`.
   */
  readonly strictMode?: boolean | StrictMode | undefined;
  /** What brings schemas of a library into `strictMode`, and makes their issues readable: `zodValidator`, `valibotValidator`. */
  readonly validator?: ValidatorFactory | readonly ValidatorFactory[] | undefined;
}

/** Also what becomes of an event that is refused. */
export interface ConsumerValidationOptions extends ValidationOptions {
  /**
   * What happens to data that does not match: `deadLetter` (default), at once and with the issues; `deliver`, the handler
   * gets it as it is stored; `stop`, the consumer fails and the entry stays pending. Each emits `validationFailed`.
   */
  readonly onInvalid?: 'deadLetter' | 'deliver' | 'stop' | undefined;
}

const optionNames: readonly string[] = ['enabled', 'schema', 'customValidator', 'strictMode', 'validator'];

/** What checks events; `undefined` = nothing is to be checked. Throws `OptionsError` or `EventTypeError`. */
export function eventValidator(
  events: EventContracts | undefined,
  validation: ValidationOptions | undefined,
  furtherNames: readonly string[] = [],
): EventValidator | undefined {
  if (validation !== undefined) checkKeys('validation', validation, [...optionNames, ...furtherNames]);
  const { enabled, schema, customValidator, strictMode, validator } = validation ?? {};
  const isEnabled = flag('validation.enabled', enabled, true);
  const contracts = events === undefined ? undefined : defineEvents(events);
  if (schema !== undefined) {
    if (contracts !== undefined) {
      throw new OptionsError("'events' and validation.schema both say what the data is: give one of them");
    }
    checkSchema('validation.schema', schema);
  }
  if (customValidator !== undefined && typeof customValidator !== 'function') {
    throw new OptionsError('validation.customValidator must be a function of the event');
  }
  const mode = strictModeOf(strictMode);
  const factories = factoriesOf(validator);
  const hasSchema = contracts !== undefined || schema !== undefined;
  if (!hasSchema && (mode !== undefined || factories.length > 0)) {
    throw new OptionsError(
      "validation.strictMode and validation.validator need a schema: give 'events' or validation.schema",
    );
  }
  if (!hasSchema && customValidator === undefined) {
    if (validation === undefined || !isEnabled) return undefined;
    throw new OptionsError(
      "validation has nothing to check with: give it a schema or a customValidator, or give 'events'",
    );
  }
  const apply = (what: string, given: StandardSchema) => applied(what, given, mode, factories);
  return new EventValidator({
    contracts:
      contracts &&
      Object.fromEntries(
        Object.entries(contracts).map(([type, each]) => [type, apply(`The contract of '${type}'`, each)]),
      ),
    schema: schema && apply('validation.schema', schema),
    customValidator,
    isEnabled,
  });
}

function strictModeOf(value: ValidationOptions['strictMode']): StrictMode | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return 'refuse';
  return choice<StrictMode>('validation.strictMode', value, 'refuse', ['refuse', 'strip', 'keep']);
}

function factoriesOf(value: ValidationOptions['validator']): readonly ValidatorFactory[] {
  if (value === undefined) return [];
  const factories: readonly ValidatorFactory[] = Array.isArray(value) ? value : [value];
  for (const factory of factories) {
    if (typeof factory !== 'function' || typeof factory.vendor !== 'string') {
      throw new OptionsError('validation.validator must be zodValidator, valibotValidator, or an array of such');
    }
  }
  return factories;
}

function applied(
  what: string,
  given: StandardSchema,
  strictMode: StrictMode | undefined,
  factories: readonly ValidatorFactory[],
): StandardSchema {
  if (strictMode === undefined && factories.length === 0) return given;
  const versions = versionsOf(given).map(({ schema, upcast }) => {
    const { vendor } = schema['~standard'];
    const factory = factories.find((each) => each.vendor === vendor);
    if (factory !== undefined) return { schema: factory(schema as never, { strictMode }), upcast };
    if (strictMode === undefined) return { schema, upcast };
    throw new OptionsError(
      `validation.strictMode '${strictMode}' needs a validator for schemas of '${vendor}', as which ${what} names itself: give zodValidator of '@events/validator-zod', or valibotValidator of '@events/validator-valibot', as validation.validator`,
    );
  });
  return contractOf(versions);
}
