import { isDeepStrictEqual } from 'node:util';
import { isSchemaObject, type JsonSchema, resolve, type SchemaObject } from './json-schema.js';

/** Why data that one schema takes may be refused by another. */
export interface Narrowing {
  /** Dotted; `[]` stands for any element, `*` for any field. */
  readonly path: string;
  readonly message: string;
}

/** A schema, and the document in which its references lead somewhere. */
interface Placed {
  readonly schema: JsonSchema;
  readonly root: JsonSchema;
}

/** What does not decide whether data is taken. */
const annotations: readonly string[] = [
  ...['$schema', '$id', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples', 'example'],
  ...['deprecated', 'readOnly', 'writeOnly', 'contentEncoding', 'contentMediaType', 'id'],
];
/** What is compared by rules of its own. */
const judged: readonly string[] = [
  ...['$ref', 'type', 'const', 'enum', 'anyOf', 'oneOf', 'allOf', 'properties', 'required', 'additionalProperties'],
  ...['items', 'prefixItems', 'additionalItems'],
];
/** Numbers that a value must reach, and must not exceed. */
const lowerBounds: readonly string[] = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const upperBounds: readonly string[] = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];

/** Why data that `from` takes may be refused by `to`. In doubt, it may. */
export function narrowings(from: JsonSchema, to: JsonSchema): Narrowing[] {
  return compare({ schema: from, root: from }, { schema: to, root: to }, [], new Set());
}

function compare(from: Placed, to: Placed, path: readonly string[], open: ReadonlySet<string>): Narrowing[] {
  const [before, after] = [placed(from), placed(to)];
  // a schema that contains itself: this pair is being compared already
  const pair = `${refOf(from)} ${refOf(to)}`;
  if (pair !== ' ' && open.has(pair)) return [];
  const within = pair === ' ' ? open : new Set([...open, pair]);
  const at = (message: string): Narrowing => ({ path: path.join('.'), message });
  if (before === undefined || after === undefined)
    return [at('refers to a schema elsewhere, which cannot be compared')];
  if (before.schema === false || after.schema === true || isOpenSchema(after.schema)) return [];
  if (after.schema === false) return [at('is refused now')];
  if (after.root === after.schema && isDeepStrictEqual(before.root, after.root)) return [];
  const [old, next] = [before.schema === true ? {} : before.schema, after.schema];
  const oldOptions = optionsOf(old);
  const nextOptions = optionsOf(next);
  if (oldOptions !== undefined || nextOptions !== undefined) {
    return compareOptions(before, after, oldOptions ?? [old], nextOptions ?? [next], path, within);
  }
  if (Array.isArray(next.allOf)) {
    const { allOf, ...rest } = next;
    const members = [rest, ...(allOf as JsonSchema[])];
    return members.flatMap((schema) => compare(before, { schema, root: after.root }, path, within));
  }
  if (Array.isArray(old.allOf))
    return compare({ schema: merged(old, before.root), root: before.root }, after, path, within);
  return [
    ...compareValues(old, next).map(at),
    ...compareFields({ ...before, schema: old }, { ...after, schema: next }, path, within),
    ...compareElements({ ...before, schema: old }, { ...after, schema: next }, path, within),
    ...compareBounds(old, next).map(at),
    ...compareOthers(old, next).map(at),
  ];
}

function refOf({ schema }: Placed): string {
  return isSchemaObject(schema) && typeof schema.$ref === 'string' ? schema.$ref : '';
}

/** The schema itself, where there is a reference to it. */
function placed({ schema, root }: Placed): Placed | undefined {
  let found: JsonSchema | undefined = schema;
  for (let steps = 0; isSchemaObject(found) && typeof found.$ref === 'string'; steps += 1) {
    const { $ref, ...rest }: SchemaObject = found;
    if (steps > 100) return undefined;
    const target: JsonSchema | undefined = resolve(root, String($ref));
    const isPlain = Object.keys(rest).every((keyword) => annotations.includes(keyword));
    found = isPlain || target === undefined ? target : { allOf: [target, rest] };
  }
  return found === undefined ? undefined : { schema: found, root };
}

function isOpenSchema(schema: JsonSchema): boolean {
  return isSchemaObject(schema) && Object.keys(schema).every((keyword) => annotations.includes(keyword));
}

/** The alternatives of a schema, each with what holds for all of them; several types are alternatives, too. */
function optionsOf(schema: SchemaObject): JsonSchema[] | undefined {
  const { anyOf, oneOf, ...rest } = schema;
  const options = anyOf ?? oneOf;
  if (Array.isArray(options)) {
    const isPlain = Object.keys(rest).every((keyword) => annotations.includes(keyword));
    return options.map((option) => (isPlain ? option : { allOf: [rest, option] }));
  }
  if (!Array.isArray(schema.type) || schema.type.length < 2) return undefined;
  return schema.type.map((type) => ({ ...schema, type }));
}

function compareOptions(
  before: Placed,
  after: Placed,
  oldOptions: readonly JsonSchema[],
  nextOptions: readonly JsonSchema[],
  path: readonly string[],
  open: ReadonlySet<string>,
): Narrowing[] {
  return oldOptions.flatMap((option) => {
    const from = { schema: option, root: before.root };
    const attempts = nextOptions.map((schema) => compare(from, { schema, root: after.root }, path, open));
    if (attempts.some((attempt) => attempt.length === 0)) return [];
    const [only] = attempts;
    if (attempts.length === 1 && only !== undefined) return only;
    // the option that comes nearest says best what has changed
    const nearest = attempts.reduce((best, attempt) => (distanceOf(attempt) < distanceOf(best) ? attempt : best));
    const isNear = nearest.every((each) => each.path !== path.join('.'));
    return isNear ? nearest : [{ path: path.join('.'), message: `${nameOf(option)} is taken by no option any more` }];
  });
}

/** Options are told apart by values: one with another value is another option. */
function distanceOf(attempt: readonly Narrowing[]): number {
  const isOther = attempt.some(
    ({ message }) => message.startsWith('does not take') || message.startsWith('takes only'),
  );
  return attempt.length + (isOther ? 1_000 : 0);
}

function nameOf(option: JsonSchema): string {
  if (!isSchemaObject(option)) return 'an option';
  if ('const' in option) return JSON.stringify(option.const);
  if (typeof option.title === 'string') return `'${option.title}'`;
  if (isSchemaObject(option.properties)) return `an object of ${Object.keys(option.properties).join(', ')}`;
  return typeof option.type === 'string' ? `'${option.type}'` : 'an option';
}

/** An object that says in one what `allOf` says in parts. */
function merged(schema: SchemaObject, root: JsonSchema): SchemaObject {
  const { allOf, ...rest } = schema;
  const parts = [rest, ...(allOf as JsonSchema[])].map((part) => placed({ schema: part, root })?.schema);
  const whole: Record<string, unknown> = {};
  const properties: Record<string, JsonSchema> = {};
  const required = new Set<string>();
  for (const part of parts) {
    if (!isSchemaObject(part)) continue;
    const inner = Array.isArray(part.allOf) ? merged(part, root) : part;
    Object.assign(whole, inner);
    Object.assign(properties, propertiesOf(inner));
    for (const name of requiredOf(inner)) required.add(name);
  }
  return { ...whole, properties, required: [...required] };
}

function compareValues(old: SchemaObject, next: SchemaObject): string[] {
  const allowed = valuesOf(next);
  const had = valuesOf(old);
  if (allowed !== undefined && had === undefined) {
    return [`takes only ${allowed.map((value) => JSON.stringify(value)).join(', ')} now`];
  }
  const gone = (had ?? []).filter((value) => allowed?.some((each) => isDeepStrictEqual(each, value)) === false);
  if (gone.length > 0) return [`does not take ${gone.map((value) => JSON.stringify(value)).join(', ')} any more`];
  const types = typesOf(next);
  if (types === undefined) return [];
  // values say their types themselves
  const were = typesOf(old) ?? had?.map(typeOfValue) ?? ['anything'];
  const lost = [...new Set(were)].filter(
    (type) => !types.includes(type) && !(type === 'integer' && types.includes('number')),
  );
  return lost.length === 0 ? [] : [`was of type ${lost.join(' or ')}, and must be of type ${types.join(' or ')} now`];
}

function valuesOf(schema: SchemaObject): readonly unknown[] | undefined {
  if ('const' in schema) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : undefined;
}

function typeOfValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value;
}

function typesOf({ type }: SchemaObject): readonly string[] | undefined {
  if (typeof type === 'string') return [type];
  return Array.isArray(type) ? type : undefined;
}

function compareFields(
  before: { readonly schema: SchemaObject; readonly root: JsonSchema },
  after: { readonly schema: SchemaObject; readonly root: JsonSchema },
  path: readonly string[],
  open: ReadonlySet<string>,
): Narrowing[] {
  const [old, next] = [before.schema, after.schema];
  const [had, has] = [propertiesOf(old), propertiesOf(next)];
  const found: Narrowing[] = [];
  for (const name of requiredOf(next)) {
    if (!requiredOf(old).includes(name)) found.push({ path: [...path, name].join('.'), message: 'must be there now' });
  }
  for (const [name, schema] of Object.entries(had)) {
    const now = has[name] ?? next.additionalProperties;
    const place = [...path, name];
    if (now === false) found.push({ path: place.join('.'), message: 'is refused now' });
    else if (now !== undefined && now !== true) {
      found.push(
        ...compare({ schema, root: before.root }, { schema: now as JsonSchema, root: after.root }, place, open),
      );
    }
  }
  const isFieldless =
    Object.keys(had).length === 0 &&
    old.additionalProperties === undefined &&
    typesOf(old) !== undefined &&
    !typesOf(old)?.includes('object');
  if (isFieldless || old.additionalProperties === false || next.additionalProperties === undefined) return found;
  if (next.additionalProperties === false) {
    found.push({ path: path.join('.'), message: 'refuses fields that it does not name now' });
  } else {
    const schema = (old.additionalProperties ?? true) as JsonSchema;
    const to = { schema: next.additionalProperties as JsonSchema, root: after.root };
    found.push(...compare({ schema, root: before.root }, to, [...path, '*'], open));
  }
  return found;
}

function propertiesOf({ properties }: SchemaObject): Readonly<Record<string, JsonSchema>> {
  return isSchemaObject(properties) ? (properties as Readonly<Record<string, JsonSchema>>) : {};
}

function requiredOf({ required }: SchemaObject): readonly string[] {
  return Array.isArray(required) ? required : [];
}

function compareElements(
  before: { readonly schema: SchemaObject; readonly root: JsonSchema },
  after: { readonly schema: SchemaObject; readonly root: JsonSchema },
  path: readonly string[],
  open: ReadonlySet<string>,
): Narrowing[] {
  const [had, has] = [elementsOf(before.schema), elementsOf(after.schema)];
  const length = Math.max(had.first.length, has.first.length);
  const found: Narrowing[] = [];
  for (let index = 0; index <= length; index += 1) {
    const to = has.first[index] ?? has.rest;
    if (to === undefined) continue;
    const isRest = index === length;
    const from = had.first[index] ?? had.rest ?? true;
    const place = [...path, isRest ? '[]' : `[${index}]`];
    found.push(...compare({ schema: from, root: before.root }, { schema: to, root: after.root }, place, open));
  }
  return found;
}

/** The elements of an array: the first ones, each with a schema of its own, and all that follow. Both dialects are read. */
function elementsOf({ items, prefixItems, additionalItems }: SchemaObject): {
  readonly first: readonly JsonSchema[];
  readonly rest: JsonSchema | undefined;
} {
  if (Array.isArray(prefixItems)) return { first: prefixItems, rest: items as JsonSchema | undefined };
  if (Array.isArray(items)) return { first: items, rest: additionalItems as JsonSchema | undefined };
  return { first: [], rest: items as JsonSchema | undefined };
}

function compareBounds(old: SchemaObject, next: SchemaObject): string[] {
  const found: string[] = [];
  for (const [bounds, isNarrower] of [
    [lowerBounds, (is: number, was: number) => is > was],
    [upperBounds, (is: number, was: number) => is < was],
  ] as const) {
    for (const bound of bounds) {
      const [was, is] = [old[bound], next[bound]];
      // as some libraries write it of every integer
      if (typeof is !== 'number' || Math.abs(is) === Number.MAX_SAFE_INTEGER) continue;
      if (typeof was === 'number' && !isNarrower(is, was)) continue;
      found.push(`${bound} is ${is} now${typeof was === 'number' ? `, and was ${was}` : ''}`);
    }
  }
  return found;
}

/** Whatever else a schema asks for must be what it asked for before: what it comes to cannot be told. */
function compareOthers(old: SchemaObject, next: SchemaObject): string[] {
  const known = [...annotations, ...judged, ...lowerBounds, ...upperBounds];
  return Object.keys(next)
    .filter(
      (keyword) =>
        !known.includes(keyword) && !keyword.startsWith('x-') && !isDeepStrictEqual(old[keyword], next[keyword]),
    )
    .map((keyword) => `${keyword} has changed: ${show(old[keyword])} before, ${show(next[keyword])} now`);
}

function show(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
