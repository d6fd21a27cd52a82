import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { takeContextFiles } from "./context-files.ts";

class Context implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "dormouse-context-"));

  constructor(files: Readonly<Record<string, string>>) {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.dir, path)), { recursive: true });
      writeFileSync(join(this.dir, path), content);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true });
  }
}

test("F091 build args are those of blaxel.toml and, over them, of .env.build, which leaves the context", () => {
  using context = new Context({
    Dockerfile: "FROM a",
    "blaxel.toml": 'name = "x"\n[build.args]\nA = "toml"\nB = 2\n',
    ".env.build": '# comment\n\nA=env\nexport TOKEN = "se cret="\nEMPTY=\r\n',
    ".docker/config.json": JSON.stringify({
      auths: { "registry.example.com": { auth: btoa("me:pass:word") }, "docker.io": { username: "u", password: "p" } },
    }),
    ".docker/other": "stays",
  });
  expect(takeContextFiles(context.dir)).toEqual({
    dockerfile: "FROM a",
    blaxelToml: 'name = "x"\n[build.args]\nA = "toml"\nB = 2\n',
    buildArgs: { A: "env", B: "2", TOKEN: "se cret=", EMPTY: "" },
    secretArgs: { A: "env", TOKEN: "se cret=", EMPTY: "" },
    credentials: {
      "registry.example.com": { username: "me", password: "pass:word" },
      "docker.io": { username: "u", password: "p" },
    },
  });
  const left = [".env.build", ".docker/config.json", ".docker/other"].map((path) =>
    existsSync(join(context.dir, path)),
  );
  expect(left).toEqual([false, false, true]);
});

test("a context with a Dockerfile alone, and a blaxel.toml that is none, is one without more", () => {
  using context = new Context({ Dockerfile: "FROM a", "blaxel.toml": "[[" });
  const none = { buildArgs: {}, secretArgs: {}, credentials: {} };
  expect(takeContextFiles(context.dir)).toEqual({ dockerfile: "FROM a", blaxelToml: "[[", ...none });
});

test.each<readonly [string, Readonly<Record<string, string>>, string]>([
  ["no Dockerfile", { dockerfile: "FROM a", "app/Dockerfile": "" }, 'root, which has "app", "dockerfile"'],
  ["nothing", {}, "root, which is empty"],
  ["a bad .env.build", { Dockerfile: "", ".env.build": "A=1\n\n=2" }, 'line 3 of its ".env.build" is no NAME=value'],
  ["a bad Docker configuration", { Dockerfile: "", ".docker/config.json": "{" }, "is no Docker configuration"],
  ["a huge Dockerfile", { Dockerfile: "#".repeat(300_000) }, '"Dockerfile" has more than 262144 bytes'],
])("a context with %s is refused", (_title, files, sentence) => {
  using context = new Context(files);
  expect(() => takeContextFiles(context.dir)).toThrow(sentence);
});
