import { expect, test } from "bun:test";
import { formatAddress } from "./socket-table.ts";

test("addresses of the kernel's tables read as people write them", () => {
  const addresses: [string, string][] = [
    ["0100007F", "127.0.0.1"],
    ["00000000", "0.0.0.0"],
    ["0264A8C0", "192.168.100.2"],
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000001000000", "::1"],
    ["0000000000000000FFFF00000100007F", "::ffff:127.0.0.1"],
    ["B80D01200000000000000000674523F1", "2001:db8::f123:4567"],
  ];
  for (const [hex, text] of addresses) expect(formatAddress(hex)).toBe(text);
});
