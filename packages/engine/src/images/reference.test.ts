import { expect, test } from "bun:test";
import { parseImageReference } from "./reference.ts";

test.each([
  ["base-image", "base-image", "latest"],
  ["blaxel/base-image:latest", "base-image", "latest"],
  ["sandbox/my_template:v1.2", "my_template", "v1.2"],
  ["code-server-template:20260403", "code-server-template", "20260403"],
])("%s is an image reference", (text, name, tag) => {
  expect(parseImageReference(text)).toEqual({ name, tag });
});

test.each(["", "../etc", "a/b/c", "blaxel/", "UPPER", "name:", "name:../x", "name:tag:tag", "other/name", "-x"])(
  "%p is refused",
  (text) => {
    expect(() => parseImageReference(text)).toThrow("is not an image reference");
  },
);
