/**
 * Conversations: messages, functions that may be called, and the form of an answer.
 *
 * @module
 */

/** A function call that the assistant made in an earlier turn. */
export interface ToolCall {
  /** Identifier that the result refers to. */
  id: string;
  /** Name of the function. */
  name: string;
  /** JSON text of the arguments, as the model wrote it. */
  arguments: string;
}

/** One turn of a conversation. */
export interface ChatMessage {
  /** Who speaks; `tool` carries a function's result. */
  role: "system" | "user" | "assistant" | "tool";
  /** Plain text; may be empty for an assistant turn that only calls tools. */
  content: string;
  /** Calls made in this assistant turn. */
  toolCalls?: ToolCall[];
  /** The call that this `tool` turn answers. */
  toolCallId?: string;
}

/** A function that the model may call. */
export interface ToolDefinition {
  /** `[A-Za-z0-9_-]{1,64}`. */
  name: string;
  /** What it does, for the model. */
  description?: string;
  /** JSON Schema of the arguments. */
  parameters?: Record<string, unknown>;
}

/** Whether and which functions the model must call. */
export type ToolChoice =
  | "none"
  | "auto"
  | "required"
  | {
    /** The one function that must be called. */
    name: string;
  };

/** What the text of an answer must be; a schema that cannot be enforced is refused, never ignored. */
export type ResponseFormat =
  | {
    /** Anything. */
    type: "text";
  }
  | {
    /** One JSON object. */
    type: "json_object";
  }
  | {
    /** One JSON value that satisfies `schema`. */
    type: "json_schema";
    /** JSON Schema. */
    schema: Record<string, unknown>;
  };

/** Text to tokenize as a generation would. */
export interface TokenizeRequest {
  /** Model reference. */
  model: string;
  /** A conversation, rendered with the model's chat template; or `prompt`. */
  messages?: ChatMessage[];
  /** Raw text; or `messages`. */
  prompt?: string;
  /** Functions offered through the template. */
  tools?: ToolDefinition[];
}
