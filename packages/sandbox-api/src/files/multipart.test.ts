import { expect, test } from "bun:test";
import { multipartBoundary, readField, readParts } from "./multipart.ts";

const BODY =
  'preamble\r\n--b0\r\nContent-Disposition: form-data; name="permissions"\r\n\r\n0644\r\n' +
  '--b0\r\ncontent-disposition: form-data; name="file"; filename="a \\"b\\".bin"\r\nContent-Type: x/y\r\n\r\n' +
  "one\r\n--b\r\n--b1\r\n\r\n--b" +
  "\r\n--b0\r\nContent-Disposition: form-data; name=empty; filename=e\r\n\r\n\r\n--b0--\r\nepilogue";

async function* inPieces(text: string, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text, "latin1");
  for (let from = 0; from < bytes.length; from += sizeBytes) yield Buffer.from(bytes.subarray(from, from + sizeBytes));
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<[string, string | null, string][]> {
  const parts: [string, string | null, string][] = [];
  for await (const { name, fileName, content } of readParts(body, "b0")) {
    parts.push([name, fileName, await readField(content, 1000)]);
  }
  return parts;
}

test("parts come out the same wherever the chunks are cut", async () => {
  const expected = [
    ["permissions", null, "0644"],
    ["file", 'a \\"b\\".bin', "one\r\n--b\r\n--b1\r\n\r\n--b"],
    ["empty", "e", ""],
  ];
  for (let sizeBytes = 1; sizeBytes <= BODY.length; sizeBytes += 1) {
    expect(await collect(inPieces(BODY, sizeBytes))).toEqual(expected as [string, string | null, string][]);
  }
});

test("content nobody read is skipped", async () => {
  const names: string[] = [];
  for await (const part of readParts(inPieces(BODY, 7), "b0")) names.push(part.name);
  expect(names).toEqual(["permissions", "file", "empty"]);
});

test("a body that ends early, a field that is too long and endless headers are refused", async () => {
  const failureOf = (body: string) => collect(inPieces(body, 100)).then(String, String);
  for (const body of ["", "--b0", BODY.slice(0, 60), BODY.slice(0, -12)]) {
    expect(await failureOf(body)).toBe("AppError: invalid multipart form: unexpected EOF");
  }
  const long = `--b0\r\nContent-Disposition: form-data; name="f"\r\n\r\n${"x".repeat(2000)}\r\n--b0--`;
  expect(await failureOf(long)).toContain("larger than 1000 bytes");
  expect(await failureOf(`--b0\r\n${"x".repeat(40_000)}`)).toContain("headers are too long");
});

test("the boundary is read plain or quoted, for form data only", () => {
  expect(multipartBoundary("multipart/form-data; boundary=abc")).toBe("abc");
  expect(multipartBoundary('Multipart/Form-Data; charset=x; BOUNDARY="a b"')).toBe("a b");
  expect(multipartBoundary("multipart/form-data")).toBe("");
  expect(multipartBoundary("application/json")).toBeNull();
  expect(multipartBoundary(null)).toBeNull();
});
