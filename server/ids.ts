/** A prefix and 128 random bits as 32 lower-case hex digits: `chatcmpl-…`, `req_…`. */
export function randomId(prefix: string): string {
  return prefix + crypto.randomUUID().replaceAll("-", "");
}
