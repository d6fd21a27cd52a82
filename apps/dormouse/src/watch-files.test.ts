import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { watchFiles } from "./watch-files.ts";

/** A folder with a file behind a symbolic link, as certbot and Kubernetes lay certificates out. */
function linkedFile(): { readonly dir: string; readonly link: string; target(name: string): string } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), "dormouse-watch-"));
  for (const name of ["live", "archive", "elsewhere"]) mkdirSync(join(dir, name));
  const target = (name: string): string => join(dir, name);
  writeFileSync(target("archive/cert1.pem"), "1");
  const link = join(dir, "live/cert.pem");
  symlinkSync(target("archive/cert1.pem"), link);
  return { dir, link, target, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

test("a file is seen to change when it is written, when its link is turned elsewhere, and when it changes there", async () => {
  using files = linkedFile();
  let changed = Promise.withResolvers<void>();
  using watching = new DisposableStack();
  watching.use(watchFiles([files.link], () => changed.resolve()));
  const changes: readonly (() => void)[] = [
    () => writeFileSync(files.target("archive/cert1.pem"), "1a"),
    () => {
      writeFileSync(files.target("elsewhere/cert2.pem"), "2");
      symlinkSync(files.target("elsewhere/cert2.pem"), `${files.link}.new`);
      renameSync(`${files.link}.new`, files.link);
    },
    () => writeFileSync(files.target("elsewhere/cert2.pem"), "2a"),
  ];
  for (const change of changes) {
    changed = Promise.withResolvers<void>();
    change();
    await changed.promise;
  }
});

test("several writes at once are one change", async () => {
  using files = linkedFile();
  let changeCount = 0;
  const first = Promise.withResolvers<void>();
  const note = (): void => {
    changeCount++;
    first.resolve();
  };
  using watching = new DisposableStack();
  watching.use(watchFiles([files.link], note));
  for (let write = 0; write < 20; write++) writeFileSync(files.target("archive/cert1.pem"), String(write));
  await first.promise;
  expect(changeCount).toBe(1);
});
