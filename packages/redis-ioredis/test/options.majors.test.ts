import { optionsSuite, settingsSuite } from '@events/tooling-transport';
import { kit } from './kit.js';

optionsSuite(kit);
settingsSuite(kit);
