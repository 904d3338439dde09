/**
 * The list that the pinned web-llm publishes. Loads the whole package, so nothing that runs models imports this.
 *
 * @module
 */
import { modelLibURLPrefix, modelVersion, prebuiltAppConfig } from "@mlc-ai/web-llm";
import type { PublishedList } from "./render.ts";

/** As it stands in the npm package. */
export const PUBLISHED: PublishedList = {
  version: "0.2.86",
  libraryPrefix: modelLibURLPrefix,
  libraryFolder: modelVersion,
  models: prebuiltAppConfig.model_list,
};
