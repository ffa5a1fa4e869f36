import { optionsSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

optionsSuite(kit);
