import { AppError } from "@dormouse/kernel";
import { describe, expect, test } from "bun:test";
import { mergeEdit } from "./merge-edit.ts";

const text = (...lines: string[]) => lines.map((line) => `${line}\n`).join("");

/** Why the edit is refused. */
function refusal(original: string, codeEdit: string): string {
  try {
    return `applied: ${mergeEdit(original, codeEdit)}`;
  } catch (error) {
    if (error instanceof AppError && error.code === "UNPROCESSABLE") return error.message;
    throw error;
  }
}

const MODULE = text(
  'import a from "a";',
  'import c from "c";',
  "",
  "const limit = 10;",
  "",
  "export function first(x) {",
  "  if (x > limit) {",
  "    return null;",
  "  }",
  "  return a(x);",
  "}",
  "",
  "export function second(y) {",
  "  const z = c(y);",
  "  return z;",
  "}",
);

describe("snippets", () => {
  test("a function goes between two that are named", () => {
    const edit = text(
      "// ... existing code ...",
      "  return a(x);",
      "}",
      "",
      "export function between() {",
      "  return null;",
      "}",
      "",
      "export function second(y) {",
      "// ... existing code ...",
    );
    const added = text("export function between() {", "  return null;", "}", "");
    expect(mergeEdit(MODULE, edit)).toBe(MODULE.replace("export function second", `${added}export function second`));
  });

  test("lines that look like the file's inside of a new function remove nothing", () => {
    const edit = text(
      "// ... existing code ...",
      "const limit = 10;",
      "",
      "function fresh(y) {",
      "  const z = c(y);",
      "  return z;",
      "}",
      "// ... existing code ...",
    );
    const added = text("", "function fresh(y) {", "  const z = c(y);", "  return z;", "}");
    expect(mergeEdit(MODULE, edit)).toBe(MODULE.replace("limit = 10;\n", `limit = 10;\n${added}`));
  });

  test("a changed line keeps what is around it", () => {
    const edit = text(
      "// ... existing code ...",
      "  if (x > limit) {",
      "    return 0;",
      "  }",
      "// ... rest of the file ...",
    );
    expect(mergeEdit(MODULE, edit)).toBe(MODULE.replace("return null", "return 0"));
  });

  test("a function whose head has changed is the same function", () => {
    const edit = text("// ... existing code ...", "export function second(y, w) {", "  return c(y, w);", "}");
    const changed = text("export function second(y, w) {", "  return c(y, w);", "}");
    expect(mergeEdit(MODULE, edit)).toBe(MODULE.slice(0, MODULE.indexOf("export function second")) + changed);
  });

  test("lines missing between context are removed", () => {
    const edit = text(
      "// ... existing code ...",
      "export function first(x) {",
      "  return a(x);",
      "}",
      "// ... existing code ...",
    );
    expect(mergeEdit(MODULE, edit)).toBe(MODULE.replace("  if (x > limit) {\n    return null;\n  }\n", ""));
  });

  test("several hunks, the first and last line of the file among them", () => {
    const edit = text(
      'import a from "./a";',
      'import c from "c";',
      "// ... existing code ...",
      "const limit = 20;",
      "// ... existing code ...",
      "  const z = c(y);",
      "  return z + 1;",
      "}",
    );
    const expected = MODULE.replace("limit = 10", "limit = 20").replace("return z;", "return z + 1;");
    expect(mergeEdit(MODULE, edit)).toBe(
      expected.replace('import a from "a"', 'import a from "./a"').replace('"./a";\n', '"./a";\n'),
    );
  });

  test("an import beside the others, and code before and after everything", () => {
    expect(mergeEdit(MODULE, text('import a from "a";', 'import b from "b";', "// ... existing code ..."))).toBe(
      MODULE.replace('import c from "c";', 'import b from "b";\nimport c from "c";'),
    );
    expect(mergeEdit(MODULE, text("#!/usr/bin/env node", 'import a from "a";', "// ... existing code ..."))).toBe(
      `#!/usr/bin/env node\n${MODULE}`,
    );
    expect(mergeEdit(MODULE, text("// ... existing code ...", "  return z;", "}", "", "first(1);"))).toBe(
      `${MODULE}\nfirst(1);\n`,
    );
  });

  test("a method before the brace that ends its class", () => {
    const original = text(
      "class A {",
      "  one() {",
      "    return 1;",
      "  }",
      "}",
      "",
      "class B {",
      "  two() {",
      "    return 2;",
      "  }",
      "}",
    );
    const edit = text(
      "class A {",
      "  // ... existing code ...",
      "",
      "  three() {",
      "    return 3;",
      "  }",
      "}",
      "// ... existing code ...",
    );
    const added = text("", "  three() {", "    return 3;", "  }");
    expect(mergeEdit(original, edit)).toBe(original.replace("    return 1;\n  }\n", `    return 1;\n  }\n${added}`));
  });

  test("one entry of many that look alike", () => {
    const entry = (id: number, name: string) => ["  {", `    id: ${id},`, `    name: "${name}",`, "  },"];
    const original = text("const items = [", ...entry(1, "a"), ...entry(2, "a"), ...entry(3, "a"), "];");
    const edit = text("  // ... existing code ...", ...entry(2, "b"), "  // ... existing code ...");
    expect(mergeEdit(original, edit)).toBe(
      text("const items = [", ...entry(1, "a"), ...entry(2, "b"), ...entry(3, "a"), "];"),
    );
  });

  test.each([
    ["#", "# ... existing code ..."],
    ["--", "-- ... existing code ..."],
    ["/* */", "/* ... existing code ... */"],
    ["<!-- -->", "<!-- ... existing code ... -->"],
    ["{/* */}", "{/* ... existing code ... */}"],
    ["three dots", "..."],
    ["an ellipsis character", "// …"],
    ["unchanged", "// unchanged"],
    ["the rest", "# rest of the file"],
    ["the rest stays", "// ... rest of code remains the same ..."],
    ["brackets", "[... existing code ...]"],
  ])("unchanged code is marked with %s", (_, marker) => {
    const original = text("alpha one", "beta two", "gamma three", "delta four", "epsilon five");
    expect(mergeEdit(original, text(marker, "gamma three", "gamma and a half", "delta four", marker))).toBe(
      original.replace("gamma three\n", "gamma three\ngamma and a half\n"),
    );
  });

  test("an ellipsis below a new Python function is its body", () => {
    const original = text("import os", "", "def old():", "    return os.name");
    const edit = text(
      "import os",
      "",
      "def stub(self):",
      "    ...",
      "",
      "# ... existing code ...",
      "def old():",
      "    return os.name",
    );
    const expected = text("import os", "", "def stub(self):", "    ...", "", "def old():", "    return os.name");
    expect(mergeEdit(original, edit)).toBe(expected);
  });

  test("line ends stay as they are, and so does a last line without one", () => {
    const original = "one 1\r\ntwo 2\r\nthree 3\r\nfour 4";
    expect(mergeEdit(original, "one 1\ntwo and a half\nthree 3\n...\n")).toBe(
      "one 1\r\ntwo and a half\r\nthree 3\r\nfour 4",
    );
    expect(mergeEdit(original, "...\nthree 3\nfour 4\nfive 5\n")).toBe("one 1\r\ntwo 2\r\nthree 3\r\nfour 4\r\nfive 5");
  });

  test("the file's indentation is kept when the snippet has another", () => {
    const original = text("def f():", "\tif a:", "\t\tx = one()", "\t\treturn x", "\treturn 0");
    const edit = text(
      "def f():",
      "    if a:",
      "        x = one()",
      "        x += 1",
      "        return x",
      "    # ... existing code ...",
    );
    expect(mergeEdit(original, edit)).toBe(original.replace("\t\treturn x", "\t\tx += 1\n\t\treturn x"));
    const indented = text(
      "class A:",
      "    def f(self):",
      "        a = one()",
      "        b = two()",
      "        return a + b",
    );
    const flat = text(
      "# ... existing code ...",
      "def f(self):",
      "    a = one()",
      "    a.check()",
      "    b = two()",
      "# ... existing code ...",
    );
    expect(mergeEdit(indented, flat)).toBe(
      indented.replace("        b = two()", "        a.check()\n        b = two()"),
    );
  });

  test("the whole file without markers, a Markdown fence around it", () => {
    const edit = `\`\`\`js\n${MODULE.replace("limit = 10", "limit = 11").replace("return z;", "return z * 2;")}\`\`\`\n`;
    expect(mergeEdit(MODULE, edit)).toBe(
      MODULE.replace("limit = 10", "limit = 11").replace("return z;", "return z * 2;"),
    );
    const other = MODULE.replace('import a from "a";', "import a, { b } from 'a';\nimport d from \"d\";");
    expect(mergeEdit(MODULE, other)).toBe(other);
    expect(mergeEdit("", "print(1)")).toBe("print(1)");
  });

  test("repeated lines are told apart by what is around them", () => {
    const block = (name: string, value: number) => [
      `test("${name}", () => {`,
      "  const x = make();",
      `  check(x, ${value});`,
      "});",
      "",
    ];
    const original = text(...block("a", 1), ...block("b", 1), ...block("c", 1));
    const edit = text(
      "// ... existing code ...",
      'test("b", () => {',
      "  const x = make();",
      "  check(x, 2);",
      "});",
      "// ... existing code ...",
    );
    expect(mergeEdit(original, edit)).toBe(text(...block("a", 1), ...block("b", 2), ...block("c", 1)));
  });
});

describe("refused, with what to do", () => {
  test("a place that is not there", () => {
    const edit = text(
      "// ... existing code ...",
      "function nowhere() {",
      "  nothing();",
      "}",
      "// ... existing code ...",
    );
    expect(refusal(MODULE, edit)).toBe(
      'Cannot apply the edit: the snippet (lines 2 to 4, from "function nowhere() {") has no line that is in the file at its place; add two unchanged lines before and after the change',
    );
  });

  test("context that fits several places", () => {
    const original = text("a {", "  log();", "}", "b {", "  log();", "}");
    expect(refusal(original, text("...", "  log();", "  more();", "..."))).toContain("fits more than one place");
  });

  test("a replacement and an addition that cannot be told apart", () => {
    const edit = text("// ...", "    return null;", "  }", "  return a(x, 1);", "// ...");
    expect(refusal(MODULE, edit)).toContain('leaves open whether "return a(x, 1);" replaces "return a(x);"');
  });

  test("new lines in the middle without a marker", () => {
    expect(refusal(MODULE, text("  fresh();", "  const z = c(y);", "  return z;", "}"))).toContain("without a marker");
    expect(refusal(MODULE, text("const limit = 10;", "", "fresh();"))).toContain("without a marker");
  });

  test("a removal of much on little context", () => {
    const filler = Array.from({ length: 40 }, (_, at) => `step(${at}, "${"x".repeat(at)}");`);
    const original = text("begin();", ...filler, "log('end');", "finish();");
    expect(refusal(original, text("...", "begin();", "log('end');", "..."))).toContain("on too little context");
  });

  test("code left out inside a line", () => {
    const edit = text(
      "const limit = 10;",
      "export const third = () => { ... };",
      "// ... existing code ...",
      "  return z;",
      "}",
    );
    expect(refusal(MODULE, edit)).toContain("leaves out code inside a line");
  });

  test("a marker that is a line of the file", () => {
    const original = text("a = 1", "# ...", "b = 2");
    expect(refusal(original, text("a = 1", "# ...", "b = 3"))).toContain("the file itself has the line");
  });

  test("an edit that changes nothing, holds nothing, or has markers for an empty file", () => {
    expect(refusal(MODULE, text("const limit = 10;"))).toContain("leaves the file as it is");
    expect(refusal(MODULE, " \n")).toContain("it is empty");
    expect(refusal(MODULE, "// ... existing code ...\n")).toContain("holds no code");
    expect(refusal("", text("// ... existing code ...", "x"))).toContain("the file is empty");
  });
});

describe("SEARCH/REPLACE blocks and diffs", () => {
  const block = (search: string, replace: string) => `<<<<<<< SEARCH\n${search}=======\n${replace}>>>>>>> REPLACE\n`;

  test("blocks apply one after the other", () => {
    const edit = `Here:\n${block("const limit = 10;\n", "const limit = 11;\n")}\n${block("  return z;\n", "")}`;
    expect(mergeEdit(MODULE, edit)).toBe(MODULE.replace("limit = 10", "limit = 11").replace("  return z;\n", ""));
    expect(mergeEdit(MODULE, block("const z = c(y)\n", "const q = c(y)\n"))).toBe(
      MODULE.replace("const z = c(y)", "const q = c(y)"),
    );
    expect(mergeEdit("", block("", "new();\n"))).toBe("new();\n");
  });

  test("a block written with other indentation takes the file's", () => {
    expect(mergeEdit(MODULE, block("if (x > limit) {\n  return null;\n}\n", "if (x) {\n  return 1;\n}\n"))).toBe(
      MODULE.replace("  if (x > limit) {\n    return null;", "  if (x) {\n    return 1;"),
    );
  });

  test("a block that is found nowhere, twice, or not complete is refused", () => {
    expect(refusal(MODULE, block("nothing here\n", "x\n"))).toContain("are not in the file");
    expect(refusal(MODULE, block("}\n", "x\n"))).toContain("occur 2 times");
    expect(refusal(MODULE, "<<<<<<< SEARCH\na\n=======\nb\n")).toContain("not complete");
  });

  test("a unified diff, with numbers that are off and without", () => {
    const hunk =
      " const limit = 10;\n \n-export function first(x) {\n+export function first(x, y) {\n   if (x > limit) {\n";
    const expected = MODULE.replace("first(x)", "first(x, y)");
    expect(mergeEdit(MODULE, `--- a/f.js\n+++ b/f.js\n@@ -40,4 +40,4 @@\n${hunk}`)).toBe(expected);
    expect(mergeEdit(MODULE, `\`\`\`diff\n@@ ... @@\n${hunk}\`\`\``)).toBe(expected);
  });

  test("a diff decides about the end of the last line, and makes a file", () => {
    expect(mergeEdit("a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n")).toBe("a\nc\n");
    expect(mergeEdit("a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n")).toBe("a\nc");
    expect(mergeEdit("", "@@ -0,0 +1,2 @@\n+a\n+b\n")).toBe("a\nb\n");
  });

  test("a diff of lines that occur more than once goes by its number or is refused", () => {
    const original = text("x", "y", "x", "y");
    expect(mergeEdit(original, "@@ -3,1 +3,1 @@\n-x\n+z\n")).toBe(text("x", "y", "z", "y"));
    expect(refusal(original, "@@\n-x\n+z\n")).toContain("occur 2 times");
    expect(refusal(original, "--- a\n+++ b\n@@\n-x\n+z\n--- c\n+++ d\n@@\n-q\n")).toContain("more than one file");
  });
});
