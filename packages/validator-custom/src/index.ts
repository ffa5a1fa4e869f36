export { assertionValidator } from './assertion-validator.js';
export { type AjvLike, type JsonSchema, jsonSchemaValidator } from './json-schema-validator.js';
export { parserValidator } from './parser-validator.js';
export { predicateValidator } from './predicate-validator.js';
