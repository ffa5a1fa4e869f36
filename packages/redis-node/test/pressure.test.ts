import { pressureSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

pressureSuite(kit);
