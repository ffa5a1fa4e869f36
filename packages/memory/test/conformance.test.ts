import { transportConformance } from '@events/conformance';
import { test } from '@jest/globals';
import { memoryHarness } from './memory-harness.js';

transportConformance({ test }, memoryHarness());
