import { outputFor, whenThere } from './check-data.js';
import type { EventAttributes } from './codec.js';
import { isThenable } from './emitter.js';
import { EventTypeError, EventVersionError, ValidationError } from './errors.js';
import type { EventContracts } from './event-contracts.js';
import { describeError } from './retry-record.js';
import type { StandardSchema } from './standard-schema.js';
import { type ContractVersion, versionsOf } from './versioned.js';

/** What a `customValidator` is asked about: as `publish` was given it, or as the handler is about to get it. */
export type CheckedEvent = EventAttributes & { readonly data: unknown };

/** `true` = the event may pass, `false` = it is refused. */
export type CustomValidator = (event: CheckedEvent) => boolean | Promise<boolean>;

/** Options of validation, checked and completed. */
export interface ValidationSettings {
  readonly contracts: EventContracts | undefined;
  /** Of the data of every event. */
  readonly schema: StandardSchema | undefined;
  readonly customValidator: CustomValidator | undefined;
  /** `false` = types are refused and versions are told apart all the same; data is not looked at. */
  readonly isEnabled: boolean;
}

/** Checks events on their way out and in. */
export class EventValidator {
  readonly #versions: ReadonlyMap<string, readonly ContractVersion[]> | undefined;
  readonly #everyEvent: readonly ContractVersion[];
  readonly #custom: CustomValidator | undefined;
  readonly #isEnabled: boolean;

  constructor({ contracts, schema, customValidator, isEnabled }: ValidationSettings) {
    this.#versions =
      contracts === undefined
        ? undefined
        : new Map(Object.entries(contracts).map(([type, contract]) => [type, versionsOf(contract)]));
    this.#everyEvent = schema === undefined ? [] : versionsOf(schema);
    this.#custom = isEnabled ? customValidator : undefined;
    this.#isEnabled = isEnabled;
  }

  /** Whether events of this type may be published and handled. */
  knows(type: string): boolean {
    return this.#versions?.has(type) ?? true;
  }

  /** Whether anything is asked that wants to know more of an event than its type and data. */
  get wantsAttributes(): boolean {
    return this.#custom !== undefined;
  }

  /**
   * The version under which events of a type are published.
   *
   * @throws EventTypeError for a type that the contracts do not name
   */
  currentVersion(type: string): number {
    return Math.max(1, this.#versionsOf(type).length);
  }

  /**
   * Checks what is to be published, and, where the codec makes something else of it, what consumers will read; a promise where
   * that takes time.
   *
   * @throws ValidationError (or rejects with it) when one of them does not match
   */
  check(type: string, data: unknown, asRead: unknown, attributes: EventAttributes | undefined): unknown {
    if (!this.#isEnabled) return undefined;
    const schema = this.#versionsOf(type).at(-1)?.schema;
    let checked: unknown;
    if (schema !== undefined) {
      checked = outputFor(`'${type}'`, schema, data);
      // a Date is a Date here, and text there
      if (asRead !== data) {
        checked = whenThere(checked, () => outputFor(`'${type}', as consumers will read it,`, schema, asRead));
      }
    }
    const custom = this.#custom;
    if (custom === undefined || attributes === undefined) return checked;
    return whenThere(checked, () => ask(custom, attributes, data));
  }

  /**
   * What a handler gets of data that was published under `version`; a promise where that takes time.
   *
   * @throws EventVersionError for a version that is newer than the contract
   * @throws ValidationError (or rejects with it) when it does not match
   */
  read(version: number, data: unknown, attributes: EventAttributes): unknown {
    const { type } = attributes;
    const versions = this.#versionsOf(type);
    const current = Math.max(1, versions.length);
    // without a schema nobody has said which versions there are
    if (version > current && versions.length > 0) {
      const message = `An event '${type}' has version ${version}, and its contract here ends with version ${current}: deploy consumers before publishers`;
      throw new EventVersionError(message, version);
    }
    const output = this.#upcast(type, versions, version, data);
    const custom = this.#custom;
    if (custom === undefined) return output;
    return whenThere(output, (value) => whenThere(ask(custom, attributes, value), () => value));
  }

  #versionsOf(type: string): readonly ContractVersion[] {
    if (this.#versions === undefined) return this.#everyEvent;
    const versions = this.#versions.get(type);
    if (versions !== undefined) return versions;
    throw new EventTypeError(`Event type '${type}' is not among the contracts given as 'events'`);
  }

  #upcast(type: string, versions: readonly ContractVersion[], version: number, data: unknown): unknown {
    const step = versions[version - 1];
    if (step === undefined) return data;
    const what = versions.length === 1 ? `'${type}'` : `'${type}' (version ${version})`;
    const output = this.#isEnabled ? outputFor(what, step.schema, data) : data;
    const { upcast } = step;
    if (upcast === undefined) return output;
    return whenThere(output, (value) =>
      whenThere(raise(what, upcast, value), (raised) => this.#upcast(type, versions, version + 1, raised)),
    );
  }
}

function ask(
  custom: CustomValidator,
  { id, type, source, time, key, headers }: EventAttributes,
  data: unknown,
): unknown {
  const fail = (message: string) =>
    new ValidationError(`Event '${type}' was refused: ${message}`, [{ path: '', message }]);
  const verdict = attempt(
    () => custom({ id, type, source, time, key, headers, data }),
    // what it throws may quote the data
    (error) => fail(`customValidator threw ${nameOf(error)}`),
  );
  return whenThere(verdict, (given) => {
    if (given === true) return;
    throw fail(given === false ? 'customValidator says false' : 'customValidator says neither true nor false');
  });
}

function raise(what: string, upcast: (data: never) => unknown, value: unknown): unknown {
  return attempt(
    () => upcast(value as never),
    (error) => {
      const message = `the upcaster threw ${nameOf(error)}`;
      return new ValidationError(`Data of ${what} could not be brought to the next version: ${message}`, [
        { path: '', message },
      ]);
    },
  );
}

/** What `call` returns or resolves with; what it throws or rejects with becomes another error. */
function attempt(call: () => unknown, toError: (error: unknown) => Error): unknown {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    throw toError(error);
  }
  if (!isThenable(result)) return result;
  return Promise.resolve(result).catch((error: unknown) => {
    throw toError(error);
  });
}

function nameOf(error: unknown): string {
  return describeError(error).name;
}
