import type { Scenario } from '../scenario.js';
import { clusterDown, clusterFreeze, clusterKill } from './cluster-failover.js';
import { clusterMove } from './cluster-move.js';
import { drop } from './drop.js';
import { flush } from './flush.js';
import { freeze } from './freeze.js';
import { janitors } from './janitors.js';
import { kill } from './kill.js';
import { mixed } from './mixed.js';
import { partitioned } from './partitions.js';
import { pause } from './pause.js';
import { plain } from './plain.js';
import { poison } from './poison.js';
import { replyLoss } from './reply-loss.js';
import { restart } from './restart.js';
import { sentinelBlind, sentinelCut, sentinelDemote, sentinelKill } from './sentinel-failover.js';
import { sentinelFreeze } from './sentinel-freeze.js';
import { sentinelUnreplicated } from './sentinel-unreplicated.js';
import { slowConsumer } from './slow-consumer.js';
import { stop } from './stop.js';
import { week } from './week.js';

export const scenarios: readonly Scenario[] = [
  kill,
  freeze,
  restart,
  drop,
  replyLoss,
  pause,
  poison,
  flush,
  mixed,
  stop,
  sentinelFreeze,
  sentinelKill,
  sentinelDemote,
  sentinelCut,
  sentinelBlind,
  sentinelUnreplicated,
  clusterKill,
  clusterFreeze,
  clusterDown,
  clusterMove,
  partitioned,
  plain,
  week,
  slowConsumer,
  janitors,
];
