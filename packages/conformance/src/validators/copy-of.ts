/** A copy of plain data. `structuredClone` would give objects of another realm, where the tests run in one of their own. */
export function copyOf<Data>(data: Data): Data {
  return JSON.parse(JSON.stringify(data));
}
