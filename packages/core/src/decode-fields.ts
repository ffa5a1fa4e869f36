import type { Codec } from './codec.js';
import { OptionsError } from './errors.js';
import { checkKeys, wholeNumber } from './options.js';
import { PayloadDecoder } from './payload.js';
import type { Fields } from './transport.js';
import { decodeEnvelope, type EventEnvelope } from './wire-format.js';

/** The event that an entry holds. */
export type DecodedEvent = Omit<EventEnvelope, 'stored' | 'contentType' | 'contentEncoding'> & {
  readonly data: unknown;
};

/**
 * The event that an entry holds. `codecs` are those beside JSON; packed data may have `maxPayloadBytes` (default:
 * 16,777,216) when it is unpacked.
 *
 * @throws UndecodableEntryError saying what is wrong, without quoting the entry
 * @throws OptionsError for options that cannot work
 */
export function decodeFields(
  entryId: string,
  fields: Fields,
  options: { readonly codecs?: readonly Codec[]; readonly maxPayloadBytes?: number } = {},
): DecodedEvent {
  checkKeys('decodeFields', options, ['codecs', 'maxPayloadBytes']);
  const envelope = decodeEnvelope(entryId, fields);
  const { stored: _stored, contentType: _type, contentEncoding: _encoding, ...event } = envelope;
  return {
    ...event,
    data: payloadDecoder(options).decode(envelope, { ...event, time: new Date(event.timeMs) }),
  };
}

/** What reads data, as the options of a consumer say. Throws `OptionsError`. */
export function payloadDecoder({
  codecs = [],
  maxPayloadBytes,
}: {
  readonly codecs?: readonly Codec[] | undefined;
  readonly maxPayloadBytes?: number | undefined;
}): PayloadDecoder {
  if (!Array.isArray(codecs)) throw new OptionsError("'codecs' must be an array of codecs");
  return new PayloadDecoder(
    codecs,
    wholeNumber('maxPayloadBytes', maxPayloadBytes, 16_777_216, { min: 1, max: 1_073_741_824 }),
  );
}
