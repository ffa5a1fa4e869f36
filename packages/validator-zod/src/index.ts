export { type ZodValidator, zodValidator } from './zod-validator.js';
