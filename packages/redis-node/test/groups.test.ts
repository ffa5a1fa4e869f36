import { groupsSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

groupsSuite(kit);
