import { giantsSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

giantsSuite(kit);
