import { faultsSuite, securitySuite, verbsSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

verbsSuite(kit);
faultsSuite(kit);
securitySuite(kit);
