import type { StandardSchema, StrictMode } from '@events/core';
import { z } from 'zod/v4';
import { namesOfAll } from './names-of-all.js';

/** What is needed of a schema of zod 4, mini or not. */
export interface Zod4Schema extends StandardSchema {
  readonly _zod: { readonly def: Def; readonly constr: new (def: Def) => Zod4Schema; parent?: Zod4Schema };
}

interface Def {
  readonly type: string;
  readonly [part: string]: unknown;
}

export function isZod4(schema: unknown): schema is Zod4Schema {
  const { def, constr } = (schema as Partial<Zod4Schema> | null)?._zod ?? {};
  return typeof def?.type === 'string' && typeof constr === 'function';
}

/** The same schema, in which every object at any depth treats fields that it does not name as `mode` says. */
export function withStrictMode(schema: Zod4Schema, mode: StrictMode): Zod4Schema {
  return new Rewriter(mode).rewrite(schema);
}

class Rewriter {
  readonly #mode: StrictMode;
  /** What a schema became: a schema may contain itself. */
  readonly #done = new Map<Zod4Schema, Zod4Schema>();

  constructor(mode: StrictMode) {
    this.#mode = mode;
  }

  rewrite(schema: Zod4Schema): Zod4Schema {
    const before = this.#done.get(schema);
    if (before !== undefined) return before;
    const after = this.#rewritten(schema);
    this.#done.set(schema, after);
    return after;
  }

  #rewritten(schema: Zod4Schema): Zod4Schema {
    const { def } = schema._zod;
    if (def.type === 'intersection' && this.#mode === 'refuse') return this.#strictIntersection(schema);
    const parts: Record<string, unknown> = {};
    for (const [name, part] of Object.entries(def)) {
      const after = name === 'getter' ? this.#lazy(part) : name === 'shape' ? this.#shape(part) : this.#part(part);
      if (after !== part) parts[name] = after;
    }
    if (def.type === 'object' && isOpen(def)) parts.catchall = catchalls[this.#mode];
    if (Object.keys(parts).length === 0) return schema;
    const copy = new schema._zod.constr({ ...def, ...parts });
    // descriptions and other metadata belong to the original
    copy._zod.parent = schema;
    return copy;
  }

  #part(part: unknown): unknown {
    if (isZod4(part)) return this.rewrite(part);
    if (!Array.isArray(part) || !part.some(isZod4)) return part;
    return part.map((each) => (isZod4(each) ? this.rewrite(each) : each));
  }

  /** Fields may refer to the schema that is being made: they are looked at when zod looks at them. */
  #shape(shape: unknown): unknown {
    const copy = {};
    for (const key of Object.keys(shape as object)) {
      const get = () => this.rewrite((shape as Record<string, Zod4Schema>)[key] as Zod4Schema);
      Object.defineProperty(copy, key, { enumerable: true, configurable: true, get });
    }
    return copy;
  }

  #lazy(getter: unknown): unknown {
    return typeof getter === 'function' ? () => this.rewrite(getter()) : getter;
  }

  /** Each side would refuse what only the other one names: what neither names is refused before both. */
  #strictIntersection(schema: Zod4Schema): Zod4Schema {
    const inner = new Rewriter('strip').#membersOf(schema, this);
    const names = () => namesOf(schema);
    const refuse = (value: unknown, context: z.RefinementCtx) => {
      const known = names();
      if (known === undefined || typeof value !== 'object' || value === null) return value;
      const keys = Object.keys(value).filter((key) => !known.has(key));
      if (keys.length > 0)
        context.issues.push({ code: 'unrecognized_keys', keys, input: value as Record<string, unknown> });
      return value;
    };
    return z.preprocess(refuse as never, inner as never) as unknown as Zod4Schema;
  }

  /** An intersection whose own sides strip, while `nested` decides about everything below them. */
  #membersOf(schema: Zod4Schema, nested: Rewriter): Zod4Schema {
    const { def } = schema._zod;
    const side = (part: unknown): Zod4Schema => {
      const member = part as Zod4Schema;
      if (member._zod.def.type === 'intersection') return this.#membersOf(member, nested);
      const strict = nested.rewrite(member);
      if (strict._zod.def.type !== 'object' || !isOpen(member._zod.def)) return strict;
      const { catchall: _catchall, ...rest } = strict._zod.def;
      return new strict._zod.constr(rest as Def);
    };
    return new schema._zod.constr({ ...def, left: side(def.left), right: side(def.right) });
  }
}

const catchalls: Readonly<Record<StrictMode, unknown>> = { refuse: z.never(), keep: z.unknown(), strip: undefined };

/** Whether what an object does not name has no schema of its own. */
function isOpen({ catchall }: Def): boolean {
  return !isZod4(catchall) || ['never', 'unknown', 'any'].includes(catchall._zod.def.type);
}

/** The fields that a schema names; `undefined` where it names none, or all. */
function namesOf(schema: Zod4Schema): Set<string> | undefined {
  const { def } = schema._zod;
  if (def.type === 'object') return isOpen(def) ? new Set(Object.keys(def.shape as object)) : undefined;
  if (def.type === 'intersection') return namesOfAll([def.left as Zod4Schema, def.right as Zod4Schema], namesOf);
  if (def.type === 'union') return namesOfAll(def.options as Zod4Schema[], namesOf);
  if (def.type === 'lazy') return namesOf((def.getter as () => Zod4Schema)());
  const inner = def.innerType ?? def.in;
  return isZod4(inner) ? namesOf(inner) : undefined;
}
