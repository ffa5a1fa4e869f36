import type { AppendAnswer, NewEntry, Transport } from '@events/core';
import { placeOf } from '../audit/place.js';

/** What is watched between core and its transport. */
export interface TransportObserver {
  /** A batch was answered. */
  readonly appended?: (entries: readonly NewEntry[], answers: readonly AppendAnswer[]) => void;
  /** The server confirmed that entries were handed back, which it was asked for at `askedAt`, Unix ms. */
  readonly released?: (places: readonly string[], askedAt: number) => void;
  /** Entries of other consumers were taken over. */
  readonly taken?: (places: readonly string[]) => void;
}

/** `transport`, under observation. */
export function observe(transport: Transport, { appended, released, taken }: TransportObserver): Transport {
  return intercept(transport, {
    appender(options) {
      const appender = transport.appender(options);
      return intercept(appender, {
        async append(entries, withinMs) {
          const answers = await appender.append(entries, withinMs);
          appended?.(entries, answers);
          return answers;
        },
      });
    },
    subscription(options) {
      const subscription = transport.subscription(options);
      return intercept(subscription, {
        async release(ids) {
          const askedAt = Date.now();
          const count = await subscription.release(ids);
          released?.(
            ids.map((id) => placeOf(options.stream, id)),
            askedAt,
          );
          return count;
        },
        async claim(idleMs, count) {
          const claim = await subscription.claim(idleMs, count);
          if (claim.entries.length > 0) taken?.(claim.entries.map(({ id }) => placeOf(options.stream, id)));
          return claim;
        },
      });
    },
  });
}

/** `target` with some members replaced. A proxy, because the methods of a class with private fields need their own `this`. */
function intercept<Target extends object>(target: Target, replaced: Partial<Target>): Target {
  return new Proxy(target, {
    get(original, name) {
      if (Object.hasOwn(replaced, name)) return Reflect.get(replaced, name);
      const member: unknown = Reflect.get(original, name, original);
      return typeof member === 'function' ? member.bind(original) : member;
    },
  });
}
