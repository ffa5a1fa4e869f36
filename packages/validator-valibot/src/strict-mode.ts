import type { StrictMode } from '@events/core';
import * as v from 'valibot';

/** What is needed of a schema of valibot. */
export interface ValibotSchema {
  readonly kind: 'schema';
  readonly type: string;
  readonly async: boolean;
  readonly message?: unknown;
  readonly pipe?: readonly { readonly kind: string }[];
  readonly [part: string]: unknown;
  readonly '~run': Run;
}

type Run = (dataset: Dataset, config: object) => Dataset | Promise<Dataset>;
interface Dataset {
  readonly value?: unknown;
  issues?: unknown[];
}

type Factory = (...parts: readonly unknown[]) => ValibotSchema;
const factories = v as unknown as Readonly<Record<string, Factory>>;

export function isValibot(schema: unknown): schema is ValibotSchema {
  const { kind, type, '~run': run } = (schema ?? {}) as Partial<ValibotSchema>;
  return kind === 'schema' && typeof type === 'string' && typeof run === 'function';
}

/** Objects that say nothing of fields which they do not name, but how they treat them. */
const open: readonly string[] = ['object', 'loose_object', 'strict_object'];
/** Where a schema keeps others: one, a list, or one by name. */
const parts = ['wrapped', 'item', 'items', 'rest', 'key', 'value', 'options', 'entries'] as const;

/** The same schema, in which every object at any depth treats fields that it does not name as `mode` says. */
export function withStrictMode(schema: ValibotSchema, mode: StrictMode): ValibotSchema {
  return new Rewriter(mode).rewrite(schema);
}

class Rewriter {
  readonly #mode: StrictMode;
  /** What a schema became: a schema may contain itself, by way of `lazy`. */
  readonly #done = new Map<ValibotSchema, ValibotSchema>();

  constructor(mode: StrictMode) {
    this.#mode = mode;
  }

  rewrite(schema: ValibotSchema): ValibotSchema {
    const before = this.#done.get(schema);
    if (before !== undefined) return before;
    const after = this.#rewritten(schema);
    this.#done.set(schema, after);
    return after;
  }

  #rewritten(schema: ValibotSchema): ValibotSchema {
    const [root, ...actions] = schema.pipe ?? [];
    if (isValibot(root)) {
      const rest = actions.map((action) => (isValibot(action) ? this.rewrite(action) : action));
      return call(schema, 'pipe', this.rewrite(root), ...rest);
    }
    if (schema.type === 'lazy') {
      const getter = schema.getter as (input: unknown) => ValibotSchema | Promise<ValibotSchema>;
      const get = (input: unknown) => {
        const found = getter(input);
        return found instanceof Promise ? found.then((each) => this.rewrite(each)) : this.rewrite(found);
      };
      return call(schema, 'lazy', get);
    }
    if (open.includes(schema.type)) return this.#object(schema, this.#mode);
    if (schema.type === 'intersect' && this.#mode === 'refuse') {
      return refusing(this.#members(schema), () => namesOf(schema));
    }
    return this.#copy(schema);
  }

  #object(schema: ValibotSchema, mode: StrictMode): ValibotSchema {
    const entries = this.#part(schema.entries);
    if (mode === 'keep') return call(schema, 'looseObject', entries, schema.message);
    const stripping = call(schema, 'object', entries, schema.message);
    return mode === 'strip' ? stripping : refusing(stripping, () => namesOf(schema));
  }

  /** An intersection whose own options strip: each would refuse what only another one names. */
  #members(schema: ValibotSchema): ValibotSchema {
    const options = (schema.options as ValibotSchema[]).map((option) => {
      if (option.pipe !== undefined) return this.#strippingPipe(option);
      if (option.type === 'intersect') return this.#members(option);
      return open.includes(option.type) ? this.#object(option, 'strip') : this.rewrite(option);
    });
    return call(schema, 'intersect', options, schema.message);
  }

  #strippingPipe(schema: ValibotSchema): ValibotSchema {
    const [root, ...actions] = schema.pipe ?? [];
    if (!isValibot(root) || !open.includes(root.type)) return this.rewrite(schema);
    const rest = actions.map((action) => (isValibot(action) ? this.rewrite(action) : action));
    return call(schema, 'pipe', this.#object(root, 'strip'), ...rest);
  }

  #copy(schema: ValibotSchema): ValibotSchema {
    const changed: Record<string, unknown> = {};
    for (const name of parts) {
      const part = schema[name];
      const after = this.#part(part);
      if (after !== part) changed[name] = after;
    }
    return Object.keys(changed).length === 0 ? schema : { ...schema, ...changed };
  }

  #part(part: unknown): unknown {
    if (isValibot(part)) return this.rewrite(part);
    if (Array.isArray(part)) return part.map((each) => (isValibot(each) ? this.rewrite(each) : each));
    if (typeof part !== 'object' || part === null || !Object.values(part).some(isValibot)) return part;
    return Object.fromEntries(
      Object.entries(part).map(([key, each]) => [key, isValibot(each) ? this.rewrite(each) : each]),
    );
  }
}

/** Makes a schema with one of valibot's functions, or with its asynchronous twin. */
function call({ async }: ValibotSchema, factory: string, ...given: readonly unknown[]): ValibotSchema {
  return (factories[async ? `${factory}Async` : factory] as Factory)(...given);
}

/** `schema`, with an issue for every field that none of `names` is. */
function refusing(schema: ValibotSchema, names: () => Set<string> | undefined): ValibotSchema {
  const run = schema['~run'];
  const judge = (input: unknown, dataset: Dataset): Dataset => {
    const known = typeof input === 'object' && input !== null && !Array.isArray(input) ? names() : undefined;
    if (known === undefined) return dataset;
    for (const key of Object.keys(input as object)) {
      if (known.has(key)) continue;
      const path = [{ type: 'object', origin: 'key', input, key, value: (input as Record<string, unknown>)[key] }];
      const issue = {
        kind: 'schema',
        type: 'strict_object',
        input: key,
        expected: 'never',
        received: `"${key}"`,
        path,
      };
      dataset.issues = [...(dataset.issues ?? []), { ...issue, message: 'unknown field' }];
    }
    return dataset;
  };
  return {
    ...schema,
    '~run'(dataset: Dataset, config: object) {
      const input = dataset.value;
      const after = run.call(this, dataset, config);
      return after instanceof Promise ? after.then((each) => judge(input, each)) : judge(input, after);
    },
  };
}

/** The fields that a schema names; `undefined` where it names none, or all. */
function namesOf(schema: ValibotSchema): Set<string> | undefined {
  if (open.includes(schema.type)) return new Set(Object.keys(schema.entries as object));
  if (schema.type === 'intersect' || schema.type === 'union' || schema.type === 'variant') {
    return union(schema.options as ValibotSchema[]);
  }
  return isValibot(schema.wrapped) ? namesOf(schema.wrapped) : undefined;
}

function union(schemas: readonly ValibotSchema[]): Set<string> | undefined {
  const names = new Set<string>();
  for (const schema of schemas) {
    const each = namesOf(schema);
    if (each === undefined) return undefined;
    for (const name of each) names.add(name);
  }
  return names;
}
