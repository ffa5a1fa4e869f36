import { janitorSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

janitorSuite(kit);
