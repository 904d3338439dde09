/**
 * Overrides as constants.
 *
 * @module
 */

/** Values of overrides by their names; those that are absent have their defaults. */
export type Overrides = Readonly<Record<string, number | boolean>>;

const DECLARATION = /^override (\w+): (\w+)(?: = ([^;]+))?;/gm;

/**
 * The module with its overrides as constants: the runtime copies and checks a module that has overrides once more for each of its
 * pipelines, which takes as long as to parse it.
 *
 * @param ofDevice values for those that ask for them
 * @throws {Error} an override has no value, or a value no override
 */
export function fixOverrides(
  source: string,
  overrides: Overrides,
  ofDevice: Overrides = {},
): string {
  const unused = new Set(Object.keys(overrides));
  const fixed = source.replace(DECLARATION, (_, name: string, type: string, preset?: string) => {
    unused.delete(name);
    const value = overrides[name] ?? ofDevice[name];
    if (value === undefined && preset === undefined) {
      throw new Error(`The override ${name} has no value`);
    }
    // A boolean may be given as a number, and the other way round.
    const literal = type === "bool" ? String(Boolean(value)) : `${type}(${Number(value)})`;
    return `const ${name}: ${type} = ${value === undefined ? preset : literal};`;
  });
  if (unused.size > 0) throw new Error(`There is no override ${[...unused].join(", ")}`);
  return fixed;
}
