import { isSchemaObject, type JsonSchema, resolve, type SchemaObject } from './json-schema.js';

/** One field of a schema, as a table shows it. */
export interface SchemaRow {
  /** Dotted; `[]` = each element, `*` = each field. Empty for the data itself. */
  readonly path: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** Bounds, patterns and defaults, in words. */
  readonly rules: readonly string[];
  readonly description: string;
  /** Where the fields of one of several alternatives begin. */
  readonly alternative?: number;
}

const mostLevels = 12;
const ruleNames: Readonly<Record<string, string>> = {
  minimum: '≥',
  exclusiveMinimum: '>',
  maximum: '≤',
  exclusiveMaximum: '<',
  multipleOf: 'multiple of',
  minLength: 'characters ≥',
  maxLength: 'characters ≤',
  minItems: 'elements ≥',
  maxItems: 'elements ≤',
  pattern: 'matches',
  format: 'format',
  const: 'always',
  default: 'default',
};

/** The fields of a schema, parents before children. */
export function schemaRows(schema: JsonSchema): SchemaRow[] {
  return rowsOf(schema, { root: schema, path: '', isRequired: true, level: 0, open: [] });
}

interface Place {
  readonly root: JsonSchema;
  readonly path: string;
  readonly isRequired: boolean;
  readonly level: number;
  /** References that are being shown: a schema may contain itself. */
  readonly open: readonly string[];
}

function rowsOf(given: JsonSchema, place: Place): SchemaRow[] {
  const { root, path, isRequired, level, open } = place;
  const ref = isSchemaObject(given) && typeof given.$ref === 'string' ? given.$ref : undefined;
  const schema = ref === undefined ? given : (resolve(root, ref) ?? true);
  const isRepeated = ref !== undefined && open.includes(ref);
  const row: SchemaRow = {
    path,
    type: isRepeated ? 'as above' : typeOf(schema, root),
    isRequired,
    rules: isSchemaObject(schema) ? rulesOf(schema) : [],
    description: descriptionOf(given) || descriptionOf(schema),
  };
  if (!isSchemaObject(schema) || isRepeated || level >= mostLevels) return [row];
  const further = ref === undefined ? open : [...open, ref];
  const inner = (child: unknown, name: string, required: boolean): SchemaRow[] =>
    rowsOf(child as JsonSchema, {
      root,
      path: path === '' ? name : `${path}${name.startsWith('[') ? '' : '.'}${name}`,
      isRequired: required,
      level: level + 1,
      open: further,
    });
  const rows = [row];
  const required = Array.isArray(schema.required) ? schema.required : [];
  for (const [name, child] of Object.entries(objectOf(schema.properties))) {
    rows.push(...inner(child, name, required.includes(name)));
  }
  if (isSchemaObject(schema.additionalProperties)) rows.push(...inner(schema.additionalProperties, '*', false));
  const elements = Array.isArray(schema.items)
    ? schema.items
    : Array.isArray(schema.prefixItems)
      ? schema.prefixItems
      : [];
  for (const [index, child] of elements.entries()) rows.push(...inner(child, `[${index}]`, true));
  if (isSchemaObject(schema.items)) rows.push(...inner(schema.items, '[]', false));
  const below = alternativesOf(schema).map((child) =>
    rowsOf(child, { ...place, level: level + 1, open: further }).slice(1),
  );
  const isChoice = below.length > 1 && !Array.isArray(schema.allOf);
  for (const [index, inside] of below.entries()) {
    const [first, ...others] = inside;
    if (first !== undefined) rows.push(isChoice ? { ...first, alternative: index + 1 } : first, ...others);
  }
  return rows;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isSchemaObject(value) ? value : {};
}

function alternativesOf(schema: SchemaObject): JsonSchema[] {
  return ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) =>
    Array.isArray(schema[keyword]) ? (schema[keyword] as JsonSchema[]) : [],
  );
}

function typeOf(schema: JsonSchema, root: JsonSchema): string {
  if (!isSchemaObject(schema)) return schema ? 'anything' : 'nothing';
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (typeof schema.type === 'string') return schema.type;
  if (Array.isArray(schema.type)) return schema.type.join(' | ');
  const [joined, options] = Array.isArray(schema.allOf)
    ? [' & ', schema.allOf]
    : [' | ', (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined];
  if (options === undefined) return 'anything';
  const types = options.map((option: JsonSchema) => {
    const ref = isSchemaObject(option) && typeof option.$ref === 'string' ? resolve(root, option.$ref) : option;
    return ref === undefined || (isSchemaObject(option) && option.$ref === '#') ? 'as above' : typeOf(ref, root);
  });
  return [...new Set(types)].join(joined);
}

function rulesOf(schema: SchemaObject): string[] {
  const rules = Object.entries(ruleNames)
    .filter(([keyword]) => schema[keyword] !== undefined && !(keyword === 'const'))
    .filter(([keyword]) => !(Math.abs(Number(schema[keyword])) === Number.MAX_SAFE_INTEGER))
    .map(([keyword, name]) => {
      const value = schema[keyword];
      return `${name} ${typeof value === 'string' && keyword !== 'default' ? value : JSON.stringify(value)}`;
    });
  if (schema.additionalProperties === false) rules.push('no other fields');
  if (schema.deprecated === true) rules.push('deprecated');
  return rules;
}

function descriptionOf(schema: JsonSchema): string {
  return isSchemaObject(schema) && typeof schema.description === 'string' ? schema.description : '';
}
