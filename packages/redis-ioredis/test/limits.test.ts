import { limitsSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

limitsSuite(kit);
