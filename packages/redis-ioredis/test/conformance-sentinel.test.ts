import { conformanceOn, sentinelHarness } from '@events/tooling-transport';
import { kit } from './kit.js';

conformanceOn(sentinelHarness(kit));
