import { clusterHarness, conformanceOn } from '@events/tooling-transport';
import { kit } from './kit.js';

conformanceOn(clusterHarness(kit));
