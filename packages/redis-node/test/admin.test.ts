import { adminSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

adminSuite(kit);
