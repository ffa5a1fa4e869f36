import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit } from './audit.js';
import { auditLines, stopReportLines } from './audit-report.js';
import { collectEvidence } from './collect-evidence.js';
import { type Ground, openGround } from './ground.js';
import type { Note } from './hosted-service.js';
import { Interruption } from './interruption.js';
import { Monitor } from './monitor.js';
import type { DemoOptions } from './options.js';
import { type Plan, planOf } from './plan.js';
import { Shop } from './shop.js';
import { type Output, openView, type View } from './view.js';

/** How the trading ended: everything done, nothing moving any more, stopped by the user, or a service that broke. */
type Ending = 'complete' | 'stuck' | 'interrupted' | 'broken';

/** Opens the shop, trades, closes it, and audits. Resolves with whether all was well. */
export async function run(options: DemoOptions, output: Output): Promise<boolean> {
  const early: string[] = [];
  let note: Note = (text) => early.push(text);
  const ground = await openGround(options.place, (text) => note(text));
  const view = openView(output, `${ground.description} · seed ${options.seed}`, options.plain);
  note = (text) => view.note(text);
  early.forEach(note);
  let isWell = false;
  let isCleanedUp = false;
  try {
    isWell = await runOn(ground, options, view, output);
  } finally {
    isCleanedUp = await cleanUp(ground, output);
  }
  return isWell && isCleanedUp;
}

async function runOn(ground: Ground, options: DemoOptions, view: View, output: Output): Promise<boolean> {
  const journals = await mkdtemp(join(tmpdir(), 'events-demo-'));
  const { ending, reports } = await tradeAndStop(options, ground, journals, view).finally(() => view.close());
  output.write(`\n${stopReportLines(reports).join('\n')}\n`);
  const complete = ending === 'complete' || ending === 'stuck';
  const result = audit(await collectEvidence(ground, journals, complete));
  output.write(`\n${auditLines(result, complete).join('\n')}\n`);
  if (result.holds) await rm(journals, { recursive: true });
  else output.write(`The journals of the services are kept in ${journals}\n`);
  return result.holds && ending !== 'broken';
}

/** Resolves with whether nothing was left behind. What failed before matters more, and must not be hidden. */
async function cleanUp(ground: Ground, output: Output): Promise<boolean> {
  try {
    await ground.close();
    return true;
  } catch (error) {
    output.write(`${(error as Error).message}\n`);
    return false;
  }
}

async function tradeAndStop(options: DemoOptions, ground: Ground, journals: string, view: View) {
  const plan = planOf(options);
  const note: Note = (text) => view.note(text);
  const interruption = new Interruption();
  try {
    const shop = await Shop.open(plan, ground, journals, note);
    const monitor = new Monitor(shop, plan, ground, (snapshot) => view.update(snapshot), note);
    const ending = await Promise.race([
      trade(shop, monitor, plan, options.chaos, view),
      interruption.happened.then((): Ending => 'interrupted'),
      shop.failure,
    ]).catch((error: Error): Ending => {
      note(error.message);
      return 'broken';
    });
    view.enter(ending === 'complete' ? 'all done' : `${ending}, stopping`);
    const reports = await shop.stop();
    await monitor.close();
    view.update(monitor.snapshot());
    return { ending, reports };
  } finally {
    interruption.close();
  }
}

/** Lets the customers in, and waits until everything that they set off is done. */
async function trade(shop: Shop, monitor: Monitor, plan: Plan, chaos: boolean, view: View): Promise<Ending> {
  view.enter('orders come in');
  const strike = async () => {
    await monitor.placed(plan.orders / 2);
    await shop.killAndRestart('payment-service');
  };
  await Promise.all([shop.placeOrders(), ...(chaos ? [strike()] : [])]);
  if (shop.isStopping) return 'interrupted';
  view.enter('the last events are handled');
  return (await monitor.drained()) ? 'complete' : 'stuck';
}
