import type { Delivery } from './delivery.js';
import { isThenable } from './emitter.js';
import type { StreamSession } from './stream-session.js';
import type { Fields } from './transport.js';
import { decodeData, decodeEnvelope } from './wire-format.js';

/** Why an entry cannot be handled. */
export interface Rejection {
  readonly error: unknown;
}

/** Turns stored fields into the event that a handler gets, in two steps: parsed data is large, and many events wait. */
export class EntryDecoder {
  readonly #session: StreamSession;

  constructor(session: StreamSession) {
    this.#session = session;
  }

  /** Gives a delivery its event without the data, its lane and its size. Returns why it cannot. */
  open(delivery: Delivery, fields: Fields): Rejection | undefined {
    delivery.size = 0;
    for (let index = 1; index < fields.length; index += 2) delivery.size += fields[index]?.length ?? 0;
    const { names, settings } = this.#session;
    try {
      const { id, type, source, timeMs, key, headers, dataText } = decodeEnvelope(delivery.id, fields);
      delivery.eventId = id;
      delivery.dataText = dataText;
      delivery.event = {
        id,
        type,
        source,
        time: new Date(timeMs),
        key,
        data: undefined,
        headers,
        stream: names.stream,
        entryId: delivery.id,
        attempt: delivery.attempt,
        redelivered: delivery.redelivered,
      };
      if (settings.ordering === 'key' && key !== undefined) delivery.laneKey = `${names.stream} key ${key}`;
      // copies of one event that ran side by side could not be told apart in time
      else if (settings.deduplicate !== undefined) delivery.laneKey = `${names.stream} id ${id}`;
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /** Gives an opened delivery its data, validated. Returns why it cannot; a promise only where a schema is asynchronous. */
  complete(delivery: Delivery): Rejection | undefined | Promise<Rejection | undefined> {
    const { event, dataText } = delivery;
    if (event === undefined || dataText === undefined) return undefined;
    const { validator } = this.#session.settings;
    const keep = (data: unknown): undefined => {
      event.data = data;
      delivery.dataText = undefined;
    };
    try {
      const data = decodeData(dataText);
      // a type beyond the contracts has no handler: onUnhandled decides
      if (validator === undefined || !validator.knows(event.type)) return keep(data);
      const output = validator.validate(event.type, data);
      if (!isThenable(output)) return keep(output);
      return Promise.resolve(output).then(keep, (error: unknown) => ({ error }));
    } catch (error) {
      return { error };
    }
  }
}
