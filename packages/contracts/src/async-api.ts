import { checkKeys, companionKey, OptionsError, streamKey } from '@events/core';
import { type ContractsDocument, checkContractsDocument } from './describe-contracts.js';
import { isSchemaObject, type JsonSchema } from './json-schema.js';

/** What is known of a stream beyond the contracts. */
export interface StreamDocumentation {
  /** Which types it carries: exact ones, `order.*`, or `*`. */
  readonly types: readonly string[];
  readonly description?: string | undefined;
  /** The consumer groups that read it. */
  readonly groups?: readonly string[] | undefined;
}

export interface AsyncApiOptions {
  /** Of the service, or of the system. */
  readonly title: string;
  /** Of the document: `1.0.0`. */
  readonly version: string;
  readonly description?: string | undefined;
  /** By name, without the prefix. */
  readonly streams: Readonly<Record<string, StreamDocumentation>>;
  readonly streamPrefix?: string | undefined;
  /** Default: `application/json`. */
  readonly contentType?: string | undefined;
  /** Which side the document is about. Default: both. */
  readonly role?: 'publisher' | 'consumer' | 'both' | undefined;
}

/** An AsyncAPI document, version 3.0.0. Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0 */
export interface AsyncApiDocument {
  readonly asyncapi: '3.0.0';
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly defaultContentType: string;
  readonly channels: Readonly<Record<string, unknown>>;
  readonly operations: Readonly<Record<string, unknown>>;
  readonly components: { readonly messages: Readonly<Record<string, unknown>> };
}

const optionNames = ['title', 'version', 'description', 'streams', 'streamPrefix', 'contentType', 'role'];

/**
 * The AsyncAPI document of contracts: a channel for each stream, a message for each type, and who sends and receives. What AsyncAPI has no
 * word for (keys in Redis, dead letters, groups, versions) stands in `x-` members. JSON Schema that is missing is left open.
 *
 * @throws OptionsError for options that cannot work, and for a type that no stream carries; StreamNameError
 */
export function toAsyncApi(document: ContractsDocument, options: AsyncApiOptions): AsyncApiDocument {
  const { events } = checkContractsDocument(document);
  checkKeys('toAsyncApi', options, optionNames);
  const {
    title,
    version,
    description,
    streams,
    streamPrefix,
    contentType = 'application/json',
    role = 'both',
  } = options;
  for (const [name, text] of Object.entries({ title, version })) {
    if (typeof text !== 'string' || text === '') throw new OptionsError(`toAsyncApi needs a ${name}`);
  }
  if (!['publisher', 'consumer', 'both'].includes(role))
    throw new OptionsError("role must be 'publisher', 'consumer' or 'both'");
  if (typeof streams !== 'object' || streams === null)
    throw new OptionsError('toAsyncApi needs streams, with the types that each carries');
  const types = Object.keys(events);
  const ids = identifiersOf(types);
  const channelIds = identifiersOf(Object.keys(streams));
  const carried = new Set<string>();
  const channels: Record<string, unknown> = {};
  const operations: Record<string, unknown> = {};
  for (const [name, stream] of Object.entries(streams)) {
    checkKeys(`streams['${name}']`, stream, ['types', 'description', 'groups']);
    if (!Array.isArray(stream.types))
      throw new OptionsError(`streams['${name}'] needs types: an array of those that it carries`);
    const key = streamKey(name, streamPrefix, true);
    const own = types.filter((type) => stream.types.some((pattern) => matches(pattern, type)));
    for (const type of own) carried.add(type);
    const id = String(channelIds.get(name));
    const messages = own.map((type) => String(ids.get(type)));
    channels[id] = {
      address: key,
      ...(stream.description === undefined ? {} : { description: stream.description }),
      messages: Object.fromEntries(messages.map((message) => [message, { $ref: `#/components/messages/${message}` }])),
      bindings: { redis: {} },
      'x-redis-stream': { key, deadLetters: companionKey(key, 'dlq'), groups: stream.groups ?? [] },
    };
    const operation = (action: 'send' | 'receive') => ({
      action,
      channel: { $ref: `#/channels/${id}` },
      messages: messages.map((message) => ({ $ref: `#/channels/${id}/messages/${message}` })),
    });
    if (role !== 'consumer') operations[`publish-${id}`] = operation('send');
    if (role !== 'publisher') operations[`consume-${id}`] = operation('receive');
  }
  const homeless = types.filter((type) => !carried.has(type));
  if (homeless.length > 0)
    throw new OptionsError(`No stream carries ${homeless.map((type) => `'${type}'`).join(', ')}: name it in streams`);
  const messages = types.map((type) => {
    const id = String(ids.get(type));
    return [id, messageOf(type, `#/components/messages/${id}`, events[type]?.versions ?? [], contentType)];
  });
  return {
    asyncapi: '3.0.0',
    info: { title, version, ...(description === undefined ? {} : { description }) },
    defaultContentType: contentType,
    channels,
    operations,
    components: { messages: Object.fromEntries(messages) },
  };
}

function messageOf(
  type: string,
  place: string,
  versions: readonly { readonly published: JsonSchema | null }[],
  contentType: string,
) {
  const schema = versions.at(-1)?.published ?? true;
  const { title, description } = isSchemaObject(schema) ? schema : {};
  const earlier = versions.slice(0, -1).map(({ published }, index) => {
    return moved(published ?? true, `${place}/x-earlier-versions/${index}`);
  });
  return {
    name: type,
    title: typeof title === 'string' ? title : type,
    ...(typeof description === 'string' ? { description } : {}),
    contentType,
    payload: {
      schemaFormat: 'application/schema+json;version=draft-07',
      schema: moved(schema, `${place}/payload/schema`),
    },
    'x-version': versions.length,
    ...(earlier.length > 0 ? { 'x-earlier-versions': earlier } : {}),
  };
}

/** A schema whose references lead to its own parts also where it is only a part of a document. */
function moved(schema: unknown, place: string): unknown {
  if (Array.isArray(schema)) return schema.map((each) => moved(each, place));
  if (!isSchemaObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      const isLocal = keyword === '$ref' && typeof value === 'string' && value.startsWith('#');
      return [keyword, isLocal ? `${place}${value.slice(1)}` : moved(value, place)];
    }),
  );
}

function matches(pattern: string, type: string): boolean {
  return pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)));
}

/** AsyncAPI takes letters, digits, `.`, `_` and `-` for keys; event types and stream names may hold more. */
function identifiersOf(names: readonly string[]): ReadonlyMap<string, string> {
  const identifiers = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of names) {
    const plain = name.replace(/[^A-Za-z0-9._-]/g, '_');
    let identifier = plain;
    for (let count = 2; taken.has(identifier); count += 1) identifier = `${plain}_${count}`;
    taken.add(identifier);
    identifiers.set(name, identifier);
  }
  return identifiers;
}
