import type { AppenderOptions } from '@events/core';

/** How an appender stores where that is not what a test is about: what the server has is stored, every time. */
export const plainAppending: AppenderOptions = { durability: { level: 'leader' }, idempotency: undefined };
