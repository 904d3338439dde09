/**
 * Compiled forms of linear layers, and the choice among those that differ in speed alone.
 *
 * @module
 */
import type { Dispatch } from "../gpu/mod.ts";
import type { Tunable } from "./operations.ts";

/** A kernel as it is launched. */
export interface Form {
  readonly pipeline: GPUComputePipeline;
  readonly workgroups: (numTokens: number) => [x: number, y: number];
}

/** What a dispatch launches now: tuning may replace it. */
export interface FormSlot {
  readonly form: Form;
}

/** Options of {@linkcode FormChoice}. */
export interface FormChoiceOptions {
  readonly name: string;
  readonly numTokens: number;
  /** How to compile each shape, the one that is taken without measurement first. */
  readonly shapes: ReadonlyMap<string, () => Promise<Form>>;
}

/** A form that layers of one kernel and one size share, in one of several shapes. */
export class FormChoice implements FormSlot, Tunable {
  readonly name: string;
  readonly numTokens: number;
  readonly shapes: readonly string[];
  readonly #compile: FormChoiceOptions["shapes"];
  readonly #bindGroups: (() => GPUBindGroup)[] = [];
  #weightBytes = 0;
  #form: Form;

  private constructor({ name, numTokens, shapes }: FormChoiceOptions, form: Form) {
    this.name = name;
    this.numTokens = numTokens;
    this.shapes = [...shapes.keys()];
    this.#compile = shapes;
    this.#form = form;
  }

  /** Compiles the first shape. */
  static async create(options: FormChoiceOptions): Promise<FormChoice> {
    const [first] = options.shapes.values();
    return new FormChoice(options, await first!());
  }

  get form(): Form {
    return this.#form;
  }

  get weightBytes(): number {
    return this.#weightBytes;
  }

  /** Takes a layer in. */
  addLayer(bindGroup: () => GPUBindGroup, weightBytes: number): void {
    this.#bindGroups.push(bindGroup);
    this.#weightBytes += weightBytes;
  }

  async prepare(shape: string): Promise<Dispatch[]> {
    const { pipeline, workgroups } = await this.#compileShape(shape);
    return this.#bindGroups.map((bindGroup) => ({
      kernel: this.name,
      bindGroup,
      pipeline: () => pipeline,
      workgroupsX: ({ numTokens }) => workgroups(numTokens)[0],
      workgroupsY: ({ numTokens }) => workgroups(numTokens)[1],
    }));
  }

  async choose(shape: string): Promise<void> {
    this.#form = await this.#compileShape(shape);
  }

  #compileShape(shape: string): Promise<Form> {
    const compile = this.#compile.get(shape);
    if (!compile) throw new RangeError(`${this.name} has no shape "${shape}"`);
    return compile();
  }
}

/** The choices of one model. */
export class FormChoices {
  readonly #choices = new Map<string, Promise<FormChoice>>();

  /** The choice of this key; made where it is new. @param key tells what its pipelines are compiled from */
  get(key: string, create: () => FormChoiceOptions): Promise<FormChoice> {
    let choice = this.#choices.get(key);
    if (!choice) this.#choices.set(key, choice = FormChoice.create(create()));
    return choice;
  }

  /** Those that have something to choose. */
  async list(): Promise<FormChoice[]> {
    const choices = await Promise.all(this.#choices.values());
    return choices.filter(({ shapes }) => shapes.length > 1);
  }
}
