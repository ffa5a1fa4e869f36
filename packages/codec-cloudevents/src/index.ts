export { cloudEventsCodec } from './cloudevents-codec.js';
