/**
 * Models that are known by name: aliases of our own, and everything that web-llm lists. Knows nothing of the disk.
 *
 * @module
 */
import { guessModelType, guessQuantization } from "./model_family.ts";
import { PREBUILT_MODELS, type PrebuiltModel } from "./prebuilt.ts";

/** A model of the catalog. */
export interface CatalogEntry {
  /** The text that names it, and is not shared with another. */
  readonly id: string;
  /** Hub repository of its MLC package; null where nobody publishes one. */
  readonly repository: string | null;
  /** Repository of the weights that were trained, where that is all there is. */
  readonly origin: string | null;
  /** Name of its directory; all ids of a repository share one. */
  readonly directory: string;
  /** Architecture by its name; null when unknown. */
  readonly modelType: string | null;
  readonly quantization: string | null;
  readonly task: "generate" | "embed";
  /** Tokens a sequence may hold, as the list advises; null when it says nothing. */
  readonly contextLength: number | null;
  /** Bound on the package's own context length; null where that counts. */
  readonly maxContextLength: number | null;
  /** Device memory, in bytes; null when the list says nothing. */
  readonly memoryBytes: number | null;
  readonly requiredFeatures: readonly string[];
  /** File name of the compiled library; null where there is none. */
  readonly library: string | null;
}

/**
 * Our own aliases. A model of web-llm's list is named by its id, another by its repository. The f16 packages run everywhere: our
 * kernels compute in f32 and need no `shader-f16`.
 */
const ALIASES: readonly (readonly [alias: string, model: string])[] = [
  ["llama3-1B-chat", "Llama-3.2-1B-Instruct-q4f16_1-MLC"],
  ["llama3-3B-chat", "Llama-3.2-3B-Instruct-q4f16_1-MLC"],
  ["llama3-8B-chat", "Llama-3.1-8B-Instruct-q4f16_1-MLC"],
  // The library for gemma 3 exists in 1B only; our kernels need none.
  ["gemma3-12B", "mlc-ai/gemma-3-12b-it-q4f16_1-MLC"],
];

/** Known models that nobody publishes as an MLC package: alias → where the weights are. */
const WITHOUT_PACKAGE: readonly (readonly [alias: string, origin: string])[] = [
  ["gpt-oss-20B", "openai/gpt-oss-20b"],
  ["qwen3-next-80B", "Qwen/Qwen3-Next-80B-A3B-Instruct"],
  ["voxtral-small-24B", "mistralai/Voxtral-Small-24B-2507"],
];

const MIB = 1024 * 1024;

/** Every model of the catalog; our own aliases first. */
export const CATALOG: readonly CatalogEntry[] = createCatalog();

const BY_ID: ReadonlyMap<string, CatalogEntry> = new Map(CATALOG.map((entry) => [entry.id, entry]));
const BY_REPOSITORY: ReadonlyMap<string, CatalogEntry> = indexByRepository();

/** The model of this exact id. */
export function findCatalogEntry(id: string): CatalogEntry | undefined {
  return BY_ID.get(id);
}

/** The model that a hub repository is known as. */
export function findEntryOfRepository(repository: string): CatalogEntry | undefined {
  return BY_REPOSITORY.get(repository);
}

/** The model that a directory of this name is a copy of. */
export function findEntryOfDirectory(name: string): CatalogEntry | undefined {
  return BY_ID.get(name) ?? CATALOG.find(({ repository }) => repository?.endsWith(`/${name}`));
}

/** A repository's own entry is the one that gives it its directory, else the one that takes the least memory. */
function indexByRepository(): Map<string, CatalogEntry> {
  const rank = ({ id, directory, memoryBytes }: CatalogEntry) =>
    id === directory ? -1 : memoryBytes ?? Infinity;
  const entries = CATALOG.filter(({ repository }) => repository !== null)
    .toSorted((a, b) => rank(b) - rank(a));
  return new Map(entries.map((entry) => [entry.repository!, entry]));
}

function createCatalog(): CatalogEntry[] {
  const listed = new Map(PREBUILT_MODELS.map((model) => [model.id, model]));
  const directories = new Map<string, string>();
  const aliases = ALIASES.map(([alias, model]) => {
    const prebuilt = listed.get(model);
    directories.set(prebuilt?.repository ?? model, alias);
    return prebuilt ? { ...toEntry(prebuilt, alias), id: alias } : toUnlisted(alias, model);
  });
  const prebuilt = PREBUILT_MODELS.map((model) =>
    toEntry(model, directories.get(model.repository) ?? nameOf(model.repository))
  );
  return [...aliases, ...WITHOUT_PACKAGE.map(toUnpublished), ...prebuilt];
}

function nameOf(repository: string): string {
  return repository.slice(repository.indexOf("/") + 1);
}

function toEntry(model: PrebuiltModel, directory: string): CatalogEntry {
  const { id, repository, task, requiredFeatures, library } = model;
  const contextLength = model.overrides.context_window_size ?? null;
  return {
    id,
    repository,
    origin: null,
    directory,
    modelType: guessModelType(id),
    quantization: guessQuantization(id),
    task,
    contextLength,
    // A second id of a repository stands for its shorter context; the first one's is web-llm's advice to browsers.
    maxContextLength: id === nameOf(repository) ? null : contextLength,
    memoryBytes: Math.round(model.memoryMiB * MIB),
    requiredFeatures,
    library,
  };
}

/** A package outside web-llm's list: no library, no figures. */
function toUnlisted(alias: string, repository: string): CatalogEntry {
  const name = nameOf(repository);
  return {
    ...toUnpublished([alias, repository]),
    repository,
    origin: null,
    modelType: guessModelType(name),
    quantization: guessQuantization(name),
  };
}

function toUnpublished([alias, origin]: readonly [string, string]): CatalogEntry {
  return {
    id: alias,
    repository: null,
    origin,
    directory: alias,
    modelType: null,
    quantization: null,
    task: "generate",
    contextLength: null,
    maxContextLength: null,
    memoryBytes: null,
    requiredFeatures: [],
    library: null,
  };
}
