/** The release whose libraries people download: TVM's calling convention since web-llm 0.2.80. @module */
export { MLCEngine } from "@mlc-ai/web-llm";
