/**
 * The Jinja library with a budget, and with what it does unlike Python put right: `strip(chars)`, texts and tables as sequences,
 * and `select` and `reject`. Golden prompts of a hundred published templates hold it to Python's Jinja2.
 *
 * @module
 */
import { Environment, Interpreter } from "@huggingface/jinja";
import { checkLength, TemplateBudget } from "./template_budget.ts";

type JinjaNode = NonNullable<Parameters<Interpreter["evaluate"]>[0]>;
type JinjaValue = ReturnType<Interpreter["evaluate"]>;
type ValueClass = new (value: unknown) => JinjaValue;

/** The parts of the library's syntax tree that are looked at here. */
interface LooseNode {
  type: string;
  [field: string]: unknown;
}

/** A method call or a filter: what it works on, and its arguments. */
interface Operation {
  name: string;
  operand: LooseNode;
  args: LooseNode[];
}

/** Filters that take the characters of a text and the keys of a table, as Python's do. */
const SEQUENCE_FILTERS: ReadonlySet<string> = new Set(
  ["first", "last", "list", "map", "rejectattr", "reverse", "selectattr", "sort", "unique"],
);
/** Tests that compare, by the operator that they stand for. */
const COMPARISONS: Readonly<Record<string, string>> = {
  in: "in",
  equalto: "==",
  eq: "==",
  ne: "!=",
  lt: "<",
  le: "<=",
  gt: ">",
  ge: ">=",
};

/** The library does not export its values: they are had from an environment. */
const { StringValue, ArrayValue, BooleanValue } = readValueClasses();

// The library writes `true`. It makes these values in a hundred places, so their class is told.
Object.defineProperty(BooleanValue.prototype, "toString", {
  value(this: JinjaValue) {
    return pythonBoolean(this.value);
  },
});

/** Evaluates a template once. */
export class PythonInterpreter extends Interpreter {
  readonly #budget = new TemplateBudget();
  readonly #loopedNodes = new WeakSet<object>();

  override evaluate(node: JinjaNode | undefined, environment: Environment): JinjaValue {
    this.#budget.spend(1);
    const loose = node as unknown as LooseNode | undefined;
    if (loose?.type === "Held") return loose.value as JinjaValue;
    if (loose?.type === "For") this.#loopedNodes.add(loopedNode(loose));
    let value = this.#budget.nest(() =>
      this.#evaluateOperation(loose, environment) ?? super.evaluate(node, environment)
    );
    const isLooped = loose !== undefined && this.#loopedNodes.has(loose);
    if (isLooped && typeof value.value === "string") value = new ArrayValue(toItems(value)!);
    if (typeof value.value === "string" || Array.isArray(value.value)) {
      checkLength(value.value.length);
    }
    // A loop over n items costs n even when its body is empty.
    if (isLooped && Array.isArray(value.value)) this.#budget.spend(value.value.length);
    return value;
  }

  /** Methods and filters that are not left to the library as they are; null for any other node. */
  #evaluateOperation(node: LooseNode | undefined, environment: Environment): JinjaValue | null {
    const method = node === undefined ? null : matchMethod(node);
    if (method !== null) return this.#evaluateMethod(node!, method, environment);
    const filter = node === undefined ? null : matchFilter(node);
    if (filter === null) return null;
    const { name, args } = filter;
    const operand = this.#evaluateLoose(filter.operand, environment);
    if (name === "select" || name === "reject") {
      return this.#select(operand, args, { environment, keeps: name === "select" });
    }
    if (name === "string" && operand.type === "NullValue") return new StringValue("None");
    if (name === "string" && operand.type === "UndefinedValue") return new StringValue("");
    if (name === "string" && typeof operand.value === "boolean") {
      return new StringValue(pythonBoolean(operand.value));
    }
    if (name === "format" && typeof operand.value === "string") {
      return this.#format(operand.value, args, environment);
    }
    this.#checkGrowth(name, operand, args, environment);
    const items = SEQUENCE_FILTERS.has(name) ? toItems(operand) : null;
    // No character has the attribute that is asked for.
    if (typeof operand.value === "string" && name === "selectattr") return new ArrayValue([]);
    if (typeof operand.value === "string" && name === "rejectattr") return new ArrayValue(items);
    const sequence = items === null ? operand : new ArrayValue(items);
    return this.#superEvaluate({ ...node!, operand: held(sequence) }, environment);
  }

  #evaluateMethod(node: LooseNode, method: Operation, environment: Environment): JinjaValue {
    const operand = this.#evaluateLoose(method.operand, environment);
    const { name, args } = method;
    this.#checkGrowth(name, operand, args, environment);
    if (/^[lr]?strip$/.test(name) && typeof operand.value === "string" && args.length === 1) {
      const chars = this.#evaluateLoose(args[0]!, environment).value;
      if (typeof chars === "string") {
        return new StringValue(stripChars(operand.value, new Set(chars), name));
      }
    }
    const callee = { ...node.callee as LooseNode, object: held(operand) };
    return this.#superEvaluate({ ...node, callee }, environment);
  }

  /** Items that pass a test, or that do not. */
  #select(
    operand: JinjaValue,
    [testNode, argument]: LooseNode[],
    { environment, keeps }: { environment: Environment; keeps: boolean },
  ): JinjaValue {
    const test = testNode === undefined ? null : this.#evaluateLoose(testNode, environment).value;
    const operator = COMPARISONS[String(test)];
    const items = toItems(operand) ?? [];
    this.#budget.spend(items.length);
    return new ArrayValue(items.filter((item) => {
      const left = held(item);
      const passes = test === null
        ? item
        : operator !== undefined && argument !== undefined
        ? this.#superEvaluate(
          { type: "BinaryExpression", operator: { value: operator }, left, right: argument },
          environment,
        )
        : this.#superEvaluate(
          { type: "TestExpression", operand: left, negate: false, test: { value: test } },
          environment,
        );
      return passes.__bool__().value === keeps;
    }));
  }

  /** Python's `%` with `%s` and `%d`, each the next argument. */
  #format(text: string, args: LooseNode[], environment: Environment): JinjaValue {
    const given = args.values();
    return new StringValue(text.replace(/%[sd%]/g, (directive) => {
      if (directive === "%%") return "%";
      const { value: arg } = given.next();
      if (arg === undefined) throw new Error("format has fewer arguments than directives");
      const filter = { type: "Identifier", value: "string" };
      const shown = this.#evaluateLoose(
        { type: "FilterExpression", operand: arg, filter },
        environment,
      );
      return String(shown.value);
    }));
  }

  /** Stops operations that write far more than they are given before they do. */
  #checkGrowth(
    name: string,
    operand: JinjaValue,
    args: LooseNode[],
    environment: Environment,
  ): void {
    if (name !== "replace" && name !== "join" && name !== "indent") return;
    const given = args.filter(({ type }) => type !== "KeywordArgumentExpression")
      .map((arg) => this.#evaluateLoose(arg, environment).value);
    const [first, second] = given;
    if (name === "join") {
      const length = typeof first === "string" ? first.length : 0;
      const items = toItems(operand) ?? [];
      const own = items.reduce((sum, { value }) => sum + String(value ?? "").length, 0);
      return checkLength(own + length * items.length);
    }
    const text = typeof operand.value === "string" ? operand.value : "";
    if (name === "replace" && typeof first === "string" && typeof second === "string") {
      const numFound = text.split(first).length - 1;
      checkLength(text.length + numFound * Math.max(0, second.length - first.length));
    }
    if (name === "indent" && args.length > 0) {
      const width = typeof first === "string" ? first.length : Number(first ?? 4);
      checkLength(text.length + text.split("\n").length * (width || 0));
    }
  }

  #evaluateLoose(node: LooseNode, environment: Environment): JinjaValue {
    return this.evaluate(node as unknown as JinjaNode, environment);
  }

  #superEvaluate(node: LooseNode, environment: Environment): JinjaValue {
    return super.evaluate(node as unknown as JinjaNode, environment);
  }
}

/** A node that has been evaluated already. */
function held(value: JinjaValue): LooseNode {
  return { type: "Held", value };
}

/** `operand.name(args)`. */
function matchMethod(node: LooseNode): Operation | null {
  if (node.type !== "CallExpression") return null;
  const callee = node.callee as LooseNode;
  if (callee.type !== "MemberExpression" || callee.computed === true) return null;
  const name = (callee.property as LooseNode).value;
  if (typeof name !== "string") return null;
  return { name, operand: callee.object as LooseNode, args: node.args as LooseNode[] };
}

/** `operand | name` or `operand | name(args)`. */
function matchFilter(node: LooseNode): Operation | null {
  if (node.type !== "FilterExpression") return null;
  const filter = node.filter as LooseNode;
  const call = filter.type === "CallExpression" ? filter.callee as LooseNode : filter;
  if (typeof call.value !== "string") return null;
  const args = filter.type === "CallExpression" ? filter.args as LooseNode[] : [];
  return { name: call.value, operand: node.operand as LooseNode, args };
}

/** What Python iterates over: items of a list, characters of a text, keys of a table. */
function toItems({ value }: JinjaValue): JinjaValue[] | null {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return Array.from(value, (char) => new StringValue(char));
  if (value instanceof Map) return [...value.keys()].map((key) => new StringValue(key));
  return null;
}

function pythonBoolean(value: unknown): string {
  return value ? "True" : "False";
}

/** Python's `str.strip(chars)`. */
function stripChars(text: string, chars: ReadonlySet<string>, method: string): string {
  let start = 0;
  let end = text.length;
  if (method !== "rstrip") { while (start < end && chars.has(text[start]!)) start++; }
  if (method !== "lstrip") { while (end > start && chars.has(text[end - 1]!)) end--; }
  return text.slice(start, end);
}

/** The list of a loop, without its `if`. */
function loopedNode(node: LooseNode): LooseNode {
  const iterable = node.iterable as LooseNode;
  return iterable.type === "SelectExpression" ? iterable.lhs as LooseNode : iterable;
}

function readValueClasses(): Record<"StringValue" | "ArrayValue" | "BooleanValue", ValueClass> {
  const environment = new Environment();
  const classOf = (name: string, value: unknown) => {
    environment.set(name, value);
    return environment.lookupVariable(name).constructor as ValueClass;
  };
  return {
    StringValue: classOf("text", ""),
    ArrayValue: classOf("list", []),
    BooleanValue: classOf("flag", true),
  };
}
