import { durabilitySuite, idempotencySuite } from '@events/tooling-transport';
import { kit } from './kit.js';

idempotencySuite(kit);
durabilitySuite(kit);
