import { auditDelivery, type DeliveryAudit } from './delivery-audit.js';
import type { Evidence } from './evidence.js';
import { auditOrder, type OrderAudit } from './order-audit.js';
import { auditPublishing, type PublishAudit } from './publish-audit.js';

/** What happened to every event of a run, from three sides. */
export interface Account {
  readonly publishing: PublishAudit;
  readonly delivery: DeliveryAudit;
  readonly order: OrderAudit;
}

export function accountFor(evidence: Evidence): Account {
  return {
    publishing: auditPublishing(evidence),
    delivery: auditDelivery(evidence),
    order: auditOrder(evidence.journals),
  };
}
