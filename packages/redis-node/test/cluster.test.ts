import { clusterSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

clusterSuite(kit);
