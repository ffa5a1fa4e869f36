import type { Delivery } from './delivery.js';
import { isThenable } from './emitter.js';
import { ValidationError } from './errors.js';
import type { StreamSession } from './stream-session.js';
import type { Fields } from './transport.js';
import { decodeEnvelope } from './wire-format.js';

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
      const envelope = decodeEnvelope(delivery.id, fields);
      const { id, type, source, timeMs, key, headers } = envelope;
      delivery.eventId = id;
      delivery.envelope = envelope;
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
    const { event, envelope } = delivery;
    if (event === undefined || envelope === undefined) return undefined;
    const { validator, payload } = this.#session.settings;
    const keep = (data: unknown): undefined => {
      event.data = data;
      delivery.envelope = undefined;
    };
    let data: unknown;
    try {
      data = payload.decode(envelope, event);
      // a type beyond the contracts has no handler: onUnhandled decides
      if (validator === undefined || !validator.knows(event.type)) return keep(data);
      const output = validator.read(envelope.version, data, event);
      if (!isThenable(output)) return keep(output);
      return Promise.resolve(output).then(keep, (error: unknown) => this.#refused(delivery, error, keep, data));
    } catch (error) {
      return this.#refused(delivery, error, keep, data);
    }
  }

  #refused(
    delivery: Delivery,
    error: unknown,
    keep: (data: unknown) => undefined,
    data: unknown,
  ): Rejection | undefined {
    const { settings, emit } = this.#session;
    if (settings.onInvalid !== 'deliver' || !(error instanceof ValidationError)) return { error };
    emit('validationFailed', { ...this.#session.reference(delivery), error });
    return keep(data);
  }
}
