import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EditRegion, parallelApply, type ParallelDeps } from "./parallel-apply.ts";
import { startProvider } from "./testing/provider.ts";

interface Folder extends Disposable {
  readonly deps: ParallelDeps;
  write(name: string, content: string): void;
  read(name: string): string;
}

function someFolder(env: ParallelDeps["env"] = {}): Folder {
  const workingDirectory = mkdtempSync(join(tmpdir(), "parallel-"));
  return {
    deps: { env, workingDirectory, signal: new AbortController().signal },
    write: (name, content) => writeFileSync(join(workingDirectory, name), content),
    read: (name) => readFileSync(join(workingDirectory, name), "utf8"),
    [Symbol.dispose]: () => rmSync(workingDirectory, { recursive: true }),
  };
}

const regionOf = (relativeWorkspacePath: string, startLine?: number, endLine?: number): EditRegion => ({
  relativeWorkspacePath,
  startLine,
  endLine,
});

const BLOCK = "Use the new name:\n<<<<<<< SEARCH\nold();\n=======\nfresh();\nmore();\n>>>>>>> REPLACE\n";

test("a plan with its code is applied to each file, and one that fails stops no other", async () => {
  using folder = someFolder();
  for (const name of ["a", "c"]) folder.write(name, "first();\nold();\n");
  folder.write("b", "nothing\n");
  const results = await parallelApply(
    { editPlan: BLOCK, editRegions: ["a", "b", "c"].map((name) => regionOf(name)) },
    folder.deps,
  );
  expect(results).toEqual([
    { path: "a", success: true, provider: "local", message: expect.stringContaining("locally") },
    { path: "b", success: false, message: expect.stringContaining("are not in the file") },
    { path: "c", success: true, provider: "local", message: expect.stringContaining("locally") },
  ]);
  expect([folder.read("a"), folder.read("b")]).toEqual(["first();\nfresh();\nmore();\n", "nothing\n"]);
});

test("regions of one file are its lines as they were before", async () => {
  using folder = someFolder();
  folder.write("a", "old();\nold();\nold();\n");
  const editRegions = [regionOf("a", 1, 1), regionOf("a", 3, 3), regionOf("a", 3, 9)];
  const results = await parallelApply({ editPlan: BLOCK, editRegions }, folder.deps);
  expect(results.map(({ success }) => success)).toEqual([true, true, false]);
  expect(folder.read("a")).toBe("fresh();\nmore();\nold();\nfresh();\nmore();\n");
});

test("a snippet in a fence is code, a plan in words alone is not", async () => {
  using folder = someFolder();
  folder.write("a", "one();\ntwo();\nthree();\n");
  const editPlan = "Do this:\n```js\none();\ntwo(2);\nthree();\n```\nThat is all.";
  expect(await parallelApply({ editPlan, editRegions: [regionOf("a")] }, folder.deps)).toMatchObject([
    { success: true },
  ]);
  expect(folder.read("a")).toBe("one();\ntwo(2);\nthree();\n");
  const [refused] = await parallelApply({ editPlan: "Make it nicer", editRegions: [regionOf("a")] }, folder.deps);
  expect(refused).toMatchObject({ success: false, message: expect.stringContaining("the plan is in words") });
});

test("a provider gets the plan as instruction and the region as code", async () => {
  using provider = startProvider(({ body }) =>
    Response.json({ mergedCode: String(body["initial_code"]).toUpperCase() }),
  );
  using folder = someFolder({ RELACE_API_KEY: "k", RELACE_BASE_URL: provider.url });
  folder.write("a", "x\ny\nz\n");
  const edit = { editPlan: "Shout", editRegions: [regionOf("a", 2, 2)] };
  expect(await parallelApply(edit, folder.deps)).toMatchObject([{ success: true, provider: "relace" }]);
  expect(folder.read("a")).toBe("x\nY\nz\n");
  expect(provider.calls[0]?.body).toMatchObject({ initial_code: "y\n", instruction: "Shout" });
});

test("only relative paths inside the working directory, 1 to 50 of them, and a plan", async () => {
  using folder = someFolder();
  const editRegions = ["/etc/passwd", "../x", "a/../../x", "", "."].map((path) => regionOf(path));
  const results = await parallelApply({ editPlan: BLOCK, editRegions }, folder.deps);
  for (const { message } of results) expect(message).toContain("not a relative path inside the working directory");
  await expect(parallelApply({ editPlan: BLOCK, editRegions: [] }, folder.deps)).rejects.toThrow("0 regions given");
  const many = Array.from({ length: 51 }, () => regionOf("a"));
  await expect(parallelApply({ editPlan: BLOCK, editRegions: many }, folder.deps)).rejects.toThrow("51 regions given");
  await expect(parallelApply({ editPlan: " ", editRegions }, folder.deps)).rejects.toThrow("it is empty");
});
