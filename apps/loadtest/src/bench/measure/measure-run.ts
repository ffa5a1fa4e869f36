import type { BenchCase, Side } from '../cases.js';
import type { RunResult } from '../metrics.js';
import type { BenchOptions } from '../options.js';
import { Stage } from '../stage.js';
import { measureConsume } from './consume.js';
import { measureEndToEnd, measureLatency } from './end-to-end.js';
import { measureFrozen } from './frozen.js';
import { measureHanging } from './hanging.js';
import { measureIdle } from './idle.js';
import { measureMemory } from './memory.js';
import { measurePublish } from './publish.js';
import { measureStall, stallServerOptions } from './stall.js';
import { measureTrim } from './trim.js';
import { measureTrimTurns } from './trim-turns.js';

/** One run of one side, on a server and in processes that exist for it alone. */
export function measureRun(benchCase: BenchCase, side: Side, options: BenchOptions): Promise<RunResult> {
  const redis = benchCase.kind === 'stall' ? stallServerOptions : {};
  return Stage.with(options, redis, (stage) => measureOn(stage, benchCase, side));
}

function measureOn(stage: Stage, benchCase: BenchCase, side: Side): Promise<RunResult> {
  switch (benchCase.kind) {
    case 'publish':
      return measurePublish(stage, benchCase, side);
    case 'trim':
      return measureTrim(stage, benchCase, side);
    case 'trim-turns':
      return measureTrimTurns(stage, benchCase, side);
    case 'consume':
      return measureConsume(stage, benchCase, side);
    case 'e2e':
      return measureEndToEnd(stage, benchCase, side);
    case 'latency':
      return measureLatency(stage, benchCase, side);
    case 'idle':
      return measureIdle(stage, benchCase, side);
    case 'stall':
      return measureStall(stage, benchCase, side);
    case 'frozen':
      return measureFrozen(stage, benchCase, side);
    case 'hanging':
      return measureHanging(stage, benchCase, side);
    case 'memory':
      return measureMemory(stage, benchCase, side);
  }
}
