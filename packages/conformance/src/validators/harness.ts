import type { StandardSchema, StrictMode, Transport } from '@events/core';

/** An order, as the suite's schemas take it and give it. */
export interface PlainOrder {
  readonly orderId: string;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly note?: string | undefined;
}

/** How the suite reaches the validators of a library. */
export interface ValidatorHarness {
  /** Stands in the names of the tests. */
  readonly name: string;
  /** A new transport, for publishers and consumers. The suite closes it. */
  readonly openTransport: () => Transport;
  /** A validator of `PlainOrder`: an object with two texts, one of them optional, and lines whose quantity is 1 at least. */
  readonly order: StandardSchema;
  /** Whether its issues name the path of what is wrong. A predicate cannot. */
  readonly tellsPaths: boolean;
  /** Whether it answers later. */
  readonly isAsynchronous: boolean;
  /** Whether it throws (or rejects) instead of answering with issues, as some that are written by hand do. Default: `false`. */
  readonly throwsInstead?: boolean;
  /** Validators of `strictShapes` with a mode. Only of a library for which there is a factory. */
  readonly strict?: (shape: StrictShape, mode: StrictMode) => StandardSchema;
}

/**
 * The shapes in which unknown fields are looked for:
 * - `object`: `{ id: text }`
 * - `nested`: `{ id: text, customer: { name: text } }`
 * - `list`: `{ lines: [{ sku: text }] }`
 * - `optional`: `{ address?: { city: text } }`
 * - `nullable`: `{ address: { city: text } | null }`
 * - `withDefault`: `{ address: { city: text } }`, where a missing address is `{ city: 'Berlin' }`
 * - `variants`: `{ kind: 'card', card: { last4: text } }` or `{ kind: 'cash', cents: number }`, told apart by `kind`
 * - `union`: `{ text: text }` or `{ number: number }`
 * - `record`: texts to `{ rate: number }`
 * - `tuple`: `[{ x: number }, text]`
 * - `recursive`: `{ name: text, children: [the same] }`
 * - `both`: `{ a: number }` and `{ b: { c: number } }` at once
 * - `refined`: `{ from: number, to: number }` where `from` is not after `to`
 * - `transformed`: `{ at: text }`, of which the length of `at` is given
 * - `alwaysStrict`, `alwaysOpen`: `{ id: text }`, of which the schema itself says that it refuses, or keeps, what it does not name
 */
export type StrictShape =
  | 'object'
  | 'nested'
  | 'list'
  | 'optional'
  | 'nullable'
  | 'withDefault'
  | 'variants'
  | 'union'
  | 'record'
  | 'tuple'
  | 'recursive'
  | 'both'
  | 'refined'
  | 'transformed'
  | 'alwaysStrict'
  | 'alwaysOpen';
