import type { StandardSchema, StrictMode } from '@events/core';
import { z } from 'zod/v3';
import { namesOfAll } from './names-of-all.js';

/** What is needed of a schema of zod 3. */
export interface Zod3Schema extends StandardSchema {
  readonly _def: Def;
}

interface Def {
  readonly typeName: string;
  readonly [part: string]: unknown;
}

export function isZod3(schema: unknown): schema is Zod3Schema {
  const typeName = (schema as Partial<Zod3Schema> | null)?._def?.typeName;
  return typeof typeName === 'string' && typeName.startsWith('Zod');
}

const unknownKeys: Readonly<Record<StrictMode, string>> = { refuse: 'strict', strip: 'strip', keep: 'passthrough' };
/** Where a definition keeps other schemas. */
const inner = ['type', 'innerType', 'schema', 'left', 'right', 'in', 'out', 'keyType', 'valueType', 'rest'] as const;

/** The same schema, in which every object at any depth treats fields that it does not name as `mode` says. */
export function withStrictMode(schema: Zod3Schema, mode: StrictMode): Zod3Schema {
  return new Rewriter(mode).rewrite(schema);
}

class Rewriter {
  readonly #mode: StrictMode;
  /** What a schema became: a schema may contain itself. */
  readonly #done = new Map<Zod3Schema, Zod3Schema>();

  constructor(mode: StrictMode) {
    this.#mode = mode;
  }

  rewrite(schema: Zod3Schema): Zod3Schema {
    const before = this.#done.get(schema);
    if (before !== undefined) return before;
    const after = this.#rewritten(schema);
    this.#done.set(schema, after);
    return after;
  }

  #rewritten(schema: Zod3Schema): Zod3Schema {
    const { _def: def } = schema;
    if (def.typeName === 'ZodIntersection' && this.#mode === 'refuse') return this.#strictIntersection(schema);
    const parts: Record<string, unknown> = {};
    for (const name of inner) {
      const part = def[name];
      if (isZod3(part)) parts[name] = this.rewrite(part);
    }
    for (const name of ['items', 'options']) {
      const part = def[name];
      if (Array.isArray(part)) parts[name] = part.map((each) => this.rewrite(each));
    }
    if (def.optionsMap instanceof Map) {
      parts.optionsMap = new Map([...def.optionsMap].map(([value, each]) => [value, this.rewrite(each)]));
    }
    if (typeof def.getter === 'function') {
      const getter = def.getter as () => Zod3Schema;
      parts.getter = () => this.rewrite(getter());
    }
    if (def.typeName === 'ZodObject') {
      const fields = Object.entries((def.shape as () => Record<string, Zod3Schema>)());
      const shape = Object.fromEntries(fields.map(([key, field]) => [key, this.rewrite(field)]));
      parts.shape = () => shape;
      if (isOpen(def)) parts.unknownKeys = unknownKeys[this.#mode];
    }
    return Object.keys(parts).length === 0 ? schema : copyOf(schema, parts);
  }

  /** Each side would refuse what only the other one names: what neither names is refused before both. */
  #strictIntersection(schema: Zod3Schema): Zod3Schema {
    const known = namesOf(schema);
    const refuse = (value: unknown, context: z.RefinementCtx) => {
      if (known === undefined || typeof value !== 'object' || value === null) return value;
      const keys = Object.keys(value).filter((key) => !known.has(key));
      if (keys.length > 0) context.addIssue({ code: 'unrecognized_keys', keys, fatal: true });
      return value;
    };
    return z.preprocess(refuse, this.#members(schema) as never) as unknown as Zod3Schema;
  }

  /** An intersection whose own sides strip. */
  #members(schema: Zod3Schema): Zod3Schema {
    const side = (part: unknown): Zod3Schema => {
      const member = part as Zod3Schema;
      if (member._def.typeName === 'ZodIntersection') return this.#members(member);
      const strict = this.rewrite(member);
      const isOpenObject = strict._def.typeName === 'ZodObject' && isOpen(member._def);
      return isOpenObject ? copyOf(strict, { unknownKeys: unknownKeys.strip }) : strict;
    };
    return copyOf(schema, { left: side(schema._def.left), right: side(schema._def.right) });
  }
}

function copyOf(schema: Zod3Schema, parts: Readonly<Record<string, unknown>>): Zod3Schema {
  const Type = schema.constructor as new (def: Def) => Zod3Schema;
  return new Type({ ...schema._def, ...parts });
}

/** Whether what an object does not name has no schema of its own. */
function isOpen({ catchall }: Def): boolean {
  return !isZod3(catchall) || catchall._def.typeName === 'ZodNever';
}

/** The fields that a schema names; `undefined` where it names none, or all. */
function namesOf(schema: Zod3Schema): Set<string> | undefined {
  const { _def: def } = schema;
  if (def.typeName === 'ZodObject') {
    return isOpen(def) ? new Set(Object.keys((def.shape as () => object)())) : undefined;
  }
  if (def.typeName === 'ZodIntersection') return namesOfAll([def.left as Zod3Schema, def.right as Zod3Schema], namesOf);
  if (Array.isArray(def.options)) return namesOfAll(def.options, namesOf);
  const next = def.innerType ?? def.schema ?? def.in ?? def.type;
  return isZod3(next) && def.typeName !== 'ZodArray' ? namesOf(next) : undefined;
}
