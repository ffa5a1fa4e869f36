import type { AppendAnswer, NewEntry, Transport } from '@events/core';

/** What is watched between core and its transport. */
export interface TransportObserver {
  /** A batch was answered. */
  readonly appended?: (entries: readonly NewEntry[], answers: readonly AppendAnswer[]) => void;
  /** The server confirmed that entries were handed back, which it was asked for at `askedAt`, Unix ms. */
  readonly released?: (entryIds: readonly string[], askedAt: number) => void;
  /** Entries of other consumers were taken over. */
  readonly taken?: (entryIds: readonly string[]) => void;
}

/** `transport`, under observation. */
export function observe(transport: Transport, { appended, released, taken }: TransportObserver): Transport {
  return intercept(transport, {
    appender() {
      const appender = transport.appender();
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
          released?.(ids, askedAt);
          return count;
        },
        async claim(idleMs, count) {
          const claim = await subscription.claim(idleMs, count);
          if (claim.entries.length > 0) taken?.(claim.entries.map(({ id }) => id));
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
