export { type AsyncApiDocument, type AsyncApiOptions, type StreamDocumentation, toAsyncApi } from './async-api.js';
export { type Compatibility, type ContractChange, compareContracts } from './compare-contracts.js';
export {
  type ContractsDocument,
  checkContractsDocument,
  type DescribeOptions,
  describeContracts,
  type EventDescription,
  type VersionDescription,
} from './describe-contracts.js';
export type { JsonSchema } from './json-schema.js';
export { type HtmlOptions, toHtml } from './to-html.js';
