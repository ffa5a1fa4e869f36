import type { Scenario } from '../scenario.js';
import { drop } from './drop.js';
import { flush } from './flush.js';
import { freeze } from './freeze.js';
import { kill } from './kill.js';
import { mixed } from './mixed.js';
import { pause } from './pause.js';
import { poison } from './poison.js';
import { proxy } from './proxy.js';
import { restart } from './restart.js';
import { stop } from './stop.js';

export const scenarios: readonly Scenario[] = [kill, freeze, restart, drop, proxy, pause, poison, flush, mixed, stop];
