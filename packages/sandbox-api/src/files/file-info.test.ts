import { expect, test } from "bun:test";
import { formatPermissions, formatTime } from "./file-info.ts";

test("permissions are octal, with the type bits clients know in front", () => {
  const modes = [0o100644, 0o120777, 0o104755, 0o020666, 0o140755, 0o010644, 0o041777];
  expect(modes.map(formatPermissions)).toEqual([
    "644",
    "1000000777",
    "40000755",
    "410000666",
    "100000755",
    "200000644",
    "20004000777",
  ]);
});

test("times have as many fraction digits as they need, in UTC", () => {
  expect(formatTime(1_700_000_000_000_000_000n)).toBe("2023-11-14T22:13:20Z");
  expect(formatTime(1_700_000_000_120_000_000n)).toBe("2023-11-14T22:13:20.12Z");
  expect(formatTime(1_700_000_000_000_000_001n)).toBe("2023-11-14T22:13:20.000000001Z");
});
