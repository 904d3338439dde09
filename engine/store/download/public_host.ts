/**
 * Tells hosts of the internet from those of this machine and its networks, by name alone. Over https that is enough: a
 * public name that leads to a private address has no certificate there.
 *
 * @module
 */

/** Names that never lead to the internet. */
const PRIVATE_SUFFIXES = [
  "localhost",
  "local",
  "localdomain",
  "internal",
  "intranet",
  "lan",
  "home",
  "home.arpa",
  "corp",
  "private",
];

/**
 * True for a host that a redirect may lead to: a dotted name of the internet. Addresses are refused, since the hub's
 * content servers all have names.
 *
 * @param hostname as `URL` gives it: lower case, IPv6 in brackets
 */
export function isPublicHost(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  if (name.startsWith("[") || /^[0-9.]+$/.test(name) || !name.includes(".")) return false;
  return !PRIVATE_SUFFIXES.some((suffix) => name.endsWith(`.${suffix}`));
}
