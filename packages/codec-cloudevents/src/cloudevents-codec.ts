import { type Codec, type EventAttributes, jsonCodec, UndecodableEntryError } from '@events/core';

/** What CloudEvents itself names; no header may pass for it. */
const attributeNames: readonly string[] = [
  ...['specversion', 'id', 'source', 'type', 'time', 'subject'],
  ...['datacontenttype', 'dataschema', 'data', 'database64'],
];
const extensionName = /^[a-z0-9]{1,20}$/;

/**
 * CloudEvents 1.0 in structured mode: `data` holds the whole event as `application/cloudevents+json`, beside the fields and
 * `meta` that every entry has. `key` becomes `subject`; headers whose names CloudEvents allows (`[a-z0-9]`, at most 20) become
 * extension attributes, such as `traceparent`. What JSON would lose is refused.
 *
 * Reads any structured CloudEvent whose `id` and `type` are those of its entry, with `data` or `data_base64`.
 *
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
 */
export const cloudEventsCodec: Codec = Object.freeze({
  contentType: 'application/cloudevents+json',
  encode(data: unknown, event: EventAttributes) {
    const { stored: json, isSame } = jsonCodec.encode(data, event);
    const attributes = JSON.stringify(attributesOf(event));
    return { stored: `${attributes.slice(0, -1)},"data":${String(json)}}`, isSame };
  },
  decode(stored: string | Uint8Array, event: EventAttributes) {
    const document = jsonCodec.decode(stored, event);
    if (typeof document !== 'object' || document === null || Array.isArray(document)) throw not('a JSON object');
    const { specversion, id, type, source, data, data_base64: base64 } = document as Readonly<Record<string, unknown>>;
    if (specversion !== '1.0') throw not("of specversion '1.0'");
    if (id !== event.id || type !== event.type) throw not("the event that the entry's id and type name");
    if (typeof source !== 'string' || source === '') throw not('complete: it has no source');
    if (base64 === undefined) return data ?? null;
    if (data !== undefined) throw not('clear: it has both data and data_base64');
    if (typeof base64 !== 'string' || !isBase64.test(base64)) throw not('readable: its data_base64 is not Base64');
    return Uint8Array.from(Buffer.from(base64, 'base64'));
  },
});

const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function attributesOf({ id, type, source, time, key, headers }: EventAttributes): Record<string, string> {
  const attributes: Record<string, string> = {
    specversion: '1.0',
    id,
    // a URI reference may hold no spaces
    source: encodeURI(source),
    type,
    time: time.toISOString(),
    datacontenttype: 'application/json',
  };
  // it must not be empty
  if (key !== undefined && key !== '') attributes.subject = key;
  for (const [name, value] of Object.entries(headers)) {
    if (extensionName.test(name) && !attributeNames.includes(name)) attributes[name] = value;
  }
  return attributes;
}

function not(what: string): UndecodableEntryError {
  return new UndecodableEntryError(`Field 'data' is no CloudEvent: it is not ${what}`);
}
