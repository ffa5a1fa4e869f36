import { transportConformance } from '@events/conformance';
import { redisHarness } from '@events/tooling-transport';
import { test } from '@jest/globals';
import { kit } from './kit.js';

transportConformance(
  { test },
  redisHarness(kit.name, (url) => kit.create({ url })),
);
