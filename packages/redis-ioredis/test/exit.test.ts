import { exitSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

exitSuite(kit);
