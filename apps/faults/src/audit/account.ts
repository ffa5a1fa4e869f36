import { auditDelivery, type DeliveryAudit } from './delivery-audit.js';
import type { Evidence } from './evidence.js';
import { auditOrder, type OrderAudit } from './order-audit.js';
import { auditPublishing, type PublishAudit } from './publish-audit.js';

/** What happened to every event of a run, from three sides. */
export interface Account {
  readonly publishing: PublishAudit;
  readonly delivery: DeliveryAudit;
  readonly order: OrderAudit;
  /** Events that were confirmed or are in the stream, and that are neither handled, nor dead-lettered, nor pending. */
  readonly lost: readonly string[];
}

export function accountFor(evidence: Evidence): Account {
  const publishing = auditPublishing(evidence);
  const delivery = auditDelivery(evidence);
  return {
    publishing,
    delivery,
    order: auditOrder(evidence),
    lost: [...new Set([...delivery.lost, ...neverReached(publishing.missing, evidence)])],
  };
}

function neverReached(missing: readonly string[], { journals, deadLetters }: Evidence): string[] {
  const reached = new Set(deadLetters.map(({ eventId }) => eventId));
  for (const { lines } of journals) {
    for (const line of lines) if (line.kind === 'ended' && !line.failed) reached.add(line.event);
  }
  return missing.filter((eventId) => !reached.has(eventId));
}
