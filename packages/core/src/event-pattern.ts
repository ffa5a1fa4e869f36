import { EventTypeError, OptionsError } from './errors.js';

const typeForm = /^[A-Za-z0-9_][A-Za-z0-9._:/-]{0,254}$/;

/** Throws `EventTypeError` unless `type` may name an event. */
export function checkEventType(type: string): void {
  if (typeof type === 'string' && typeForm.test(type)) return;
  throw new EventTypeError(
    `Event type ${JSON.stringify(type)} must begin with a letter, digit or '_' and hold only letters, digits, '.', '_', ':', '/' and '-', 255 at most`,
  );
}

/**
 * Values by pattern: an exact type, `prefix.*` for any depth below the prefix, or `*`. The exact type wins, then the
 * longest wildcard, then `*`.
 */
export class PatternMap<Value> {
  readonly #exact = new Map<string, Value>();
  readonly #wildcards: { readonly prefix: string; readonly value: Value }[] = [];
  #any: { readonly value: Value } | undefined;
  readonly #found = new Map<string, Value | undefined>();

  get size(): number {
    return this.#exact.size + this.#wildcards.length + (this.#any === undefined ? 0 : 1);
  }

  /** Throws `OptionsError` for a malformed pattern, or one that is set already. */
  set(pattern: string, value: Value): void {
    if (this.#has(pattern)) throw new OptionsError(`Pattern '${pattern}' is given twice`);
    this.#found.clear();
    if (pattern === '*') {
      this.#any = { value };
    } else if (typeof pattern === 'string' && pattern.endsWith('.*')) {
      checkEventType(pattern.slice(0, -2));
      this.#wildcards.push({ prefix: pattern.slice(0, -1), value });
      this.#wildcards.sort((left, right) => right.prefix.length - left.prefix.length);
    } else {
      checkEventType(pattern);
      this.#exact.set(pattern, value);
    }
  }

  get(type: string): Value | undefined {
    const exact = this.#exact.get(type);
    if (exact !== undefined) return exact;
    if (this.#found.has(type)) return this.#found.get(type);
    const value = this.#wildcards.find(({ prefix }) => type.startsWith(prefix))?.value ?? this.#any?.value;
    // types come from the stream: a producer of ever new ones must not fill our memory
    if (this.#found.size < 10_000) this.#found.set(type, value);
    return value;
  }

  #has(pattern: string): boolean {
    if (pattern === '*') return this.#any !== undefined;
    return this.#exact.has(pattern) || this.#wildcards.some(({ prefix }) => `${prefix}*` === pattern);
  }
}
