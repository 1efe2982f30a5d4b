import { isIPv6 } from "node:net";

const MAPPED_IPV4 = "::ffff:";
const GROUPS = 8;
const NETWORK_GROUPS = 4;

/** What a client's IP address is counted under: itself, or the /64 network of an IPv6 address. */
export function addressKey(ip: string): string {
  const plain = ip.replace(/%.*$/, "").toLowerCase();
  if (plain.startsWith(MAPPED_IPV4)) return plain.slice(MAPPED_IPV4.length);
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: GROUPS - left.length - right.length }, () => "0");
  const network = [...left, ...zeros, ...right].slice(0, NETWORK_GROUPS);
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
