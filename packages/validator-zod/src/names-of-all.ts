/** The fields that several schemas name together; `undefined` where one of them names none, or all. */
export function namesOfAll<Schema>(
  schemas: readonly Schema[],
  namesOf: (schema: Schema) => Set<string> | undefined,
): Set<string> | undefined {
  const names = new Set<string>();
  for (const schema of schemas) {
    const each = namesOf(schema);
    if (each === undefined) return undefined;
    for (const name of each) names.add(name);
  }
  return names;
}
