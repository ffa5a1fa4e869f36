import { codecsSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

codecsSuite(kit);
