import type { Transport } from '@events/core';

/** A transport whose verbs can be held back before they are sent, as by a process that was frozen. */
export interface SlowTransport {
  readonly transport: Transport;
  freeze(): void;
  thaw(): void;
}

/** Puts a gate before every verb of every handle of `transport`. */
export function slowTransport(real: Transport): SlowTransport {
  let gate: Promise<void> | undefined;
  let open: () => void = () => {};
  const slowed = <Handle extends object>(handle: Handle): Handle =>
    new Proxy(handle, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...given: unknown[]) =>
          gate === undefined ? member.apply(target, given) : gate.then(() => member.apply(target, given));
      },
    });
  const makers = new Set<string | symbol>(['subscription', 'partitionTable', 'inspector', 'appender']);
  const transport = new Proxy(real, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (!makers.has(name)) return member.bind(target);
      return (...given: unknown[]) => slowed(member.apply(target, given) as object);
    },
  });
  return {
    transport,
    freeze() {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    thaw() {
      gate = undefined;
      open();
    },
  };
}
