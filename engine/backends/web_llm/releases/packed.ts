/** The last release that runs libraries of the older calling convention. @module */
export { MLCEngine } from "@mlc-ai/web-llm@0.2.79";
