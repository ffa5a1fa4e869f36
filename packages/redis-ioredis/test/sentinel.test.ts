import { sentinelSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

sentinelSuite(kit);
