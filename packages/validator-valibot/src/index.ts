export { type ValibotValidator, valibotValidator } from './valibot-validator.js';
