import type { Delivery } from './delivery.js';
import { isThenable } from './emitter.js';
import type { StreamSession } from './stream-session.js';
import type { Fields } from './transport.js';
import { decodeFields } from './wire-format.js';

/** Why an entry cannot be handled. */
export interface Rejection {
  readonly error: unknown;
}

/** Turns stored fields into the event that a handler gets, validated where there is a contract. */
export class EntryDecoder {
  readonly #session: StreamSession;

  constructor(session: StreamSession) {
    this.#session = session;
  }

  /** Gives a delivery its event, its lane and its size. Returns why it cannot; a promise only where a schema is asynchronous. */
  decode(delivery: Delivery, fields: Fields): Rejection | undefined | Promise<Rejection | undefined> {
    delivery.size = 0;
    for (let index = 1; index < fields.length; index += 2) delivery.size += fields[index]?.length ?? 0;
    const { names, settings } = this.#session;
    try {
      const { id, type, source, timeMs, key, headers, data } = decodeFields(delivery.id, fields);
      delivery.event = {
        id,
        type,
        source,
        time: new Date(timeMs),
        key,
        data,
        headers,
        stream: names.stream,
        entryId: delivery.id,
        attempt: delivery.attempt,
        redelivered: delivery.redelivered,
      };
      if (settings.ordering === 'key' && key !== undefined) delivery.laneKey = `${names.stream} key ${key}`;
      // copies of one event that ran side by side could not be told apart in time
      else if (settings.deduplicate !== undefined) delivery.laneKey = `${names.stream} id ${id}`;
      return settings.validator === undefined ? undefined : this.#validate(delivery, type, data);
    } catch (error) {
      return { error };
    }
  }

  #validate(delivery: Delivery, type: string, data: unknown): undefined | Promise<Rejection | undefined> {
    const { validator } = this.#session.settings;
    // a type beyond the contracts has no handler of its own: onUnhandled decides
    if (validator === undefined || !validator.knows(type)) return undefined;
    const keep = (value: unknown): undefined => {
      if (delivery.event !== undefined) delivery.event = { ...delivery.event, data: value };
    };
    const output = validator.validate(type, data);
    if (!isThenable(output)) return keep(output);
    return Promise.resolve(output).then(keep, (error: unknown) => ({ error }));
  }
}
