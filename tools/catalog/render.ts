/**
 * web-llm's list of prebuilt models → the text of `engine/store/prebuilt.ts`.
 *
 * @module
 */

/** The part of web-llm's `ModelRecord` that is read; names as published. */
export interface ModelRecord {
  /** URL of the repository. */
  model: string;
  model_id: string;
  /** URL of the compiled library. */
  model_lib: string;
  vram_required_MB?: number;
  required_features?: string[];
  overrides?: Record<string, unknown>;
  /** 0 or absent generates text, 1 embeds, 2 also sees images. */
  model_type?: number;
}

/** What web-llm publishes of its models. */
export interface PublishedList {
  /** Version of the npm package. */
  version: string;
  /** Base URL of all libraries, with a slash at the end. */
  libraryPrefix: string;
  /** Folder of this version's libraries below it. */
  libraryFolder: string;
  models: readonly ModelRecord[];
}

const HUB = "https://huggingface.co/";
const TASKS = ["generate", "embed", "generate"];

/**
 * Writes the list as a TypeScript module, one model a line, sorted by id.
 *
 * @throws {Error} an entry has a shape that we do not know: the new list needs a look
 */
export function renderCatalog(list: PublishedList): string {
  const { version, libraryPrefix, libraryFolder, models } = list;
  const lines = models.map((model) => renderModel(model, `${libraryPrefix}${libraryFolder}/`))
    .toSorted();
  return `// deno-fmt-ignore-file: one model a line.
/**
 * The models that web-llm ${version} lists, with their compiled libraries. Made by \`deno run -A tools/catalog/main.ts\`; do not edit.
 *
 * @module
 */

/** One model of the list. */
export interface PrebuiltModel {
  readonly id: string;
  /** Hub repository. */
  readonly repository: string;
  /** File name of the compiled library. */
  readonly library: string;
  /** Device memory that web-llm states, in MiB. */
  readonly memoryMiB: number;
  readonly task: "generate" | "embed";
  /** WebGPU features that the library needs. */
  readonly requiredFeatures: readonly string[];
  /** What web-llm lays over the package's configuration; names as published. */
  readonly overrides: Readonly<Record<string, number>>;
}

/** Base URL of the compiled libraries. */
export const LIBRARY_ENDPOINT = ${JSON.stringify(libraryPrefix.replace(/\/$/, ""))};

/** Folder below it that holds the libraries of this list. */
export const LIBRARY_FOLDER = ${JSON.stringify(libraryFolder)};

/** Sorted by id. */
export const PREBUILT_MODELS: readonly PrebuiltModel[] = [
${lines.join("\n")}
];
`;
}

function renderModel(model: ModelRecord, libraryPrefix: string): string {
  const { model_id: id, overrides = {}, required_features: features = [] } = model;
  const task = TASKS[model.model_type ?? 0];
  if (task === undefined) throw new Error(`${id}: unknown model_type ${model.model_type}`);
  if (typeof model.vram_required_MB !== "number") throw new Error(`${id}: no vram_required_MB`);
  for (const [name, value] of Object.entries(overrides)) {
    if (typeof value !== "number") throw new Error(`${id}: overrides.${name} is no number`);
  }
  const fields = {
    id,
    repository: afterPrefix(id, model.model, HUB),
    library: afterPrefix(id, model.model_lib, libraryPrefix),
    memoryMiB: model.vram_required_MB,
    task,
    requiredFeatures: features,
    overrides,
  };
  const texts = Object.entries(fields).map(([name, value]) => `${name}: ${renderValue(value)}`);
  return `  { ${texts.join(", ")} },`;
}

function renderValue(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${JSON.stringify(field)}`);
  return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
}

function afterPrefix(id: string, url: string, prefix: string): string {
  if (!url.startsWith(prefix)) throw new Error(`${id}: ${url} is not below ${prefix}`);
  return url.slice(prefix.length);
}
