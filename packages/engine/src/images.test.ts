import { expect, test } from "bun:test";
import { addImage, addMuslImage, addScratchImage, newSpec, runInside, useEngine } from "../testkit/index.ts";

const suite = useEngine();

test("sandbox-api serves in an image of musl programs, and they run", async () => {
  const image = await addMuslImage(suite.data.dir);
  const sandbox = await suite.port.create(newSpec({ image }));
  expect((await runInside(sandbox, "/bin/hello")).stdout).toBe("hello from musl\n");
  await suite.port.remove(sandbox.id);
});

test("sandbox-api serves in an image of one static binary", async () => {
  const image = await addScratchImage(suite.data.dir, { hasShell: true });
  const sandbox = await suite.port.create(newSpec({ image }));
  expect((await runInside(sandbox, "id -u; echo ok")).stdout).toBe("0\nok\n");
  await suite.port.remove(sandbox.id);
});

test("an image without a shell serves files and says what an exec would need", async () => {
  const image = await addScratchImage(suite.data.dir, { hasShell: false });
  const sandbox = await suite.port.create(newSpec({ image }));
  const base = `http://${sandbox.address}:8080`;
  const written = await fetch(`${base}/filesystem/%2Fnote.txt`, {
    method: "PUT",
    body: JSON.stringify({ content: "kept" }),
  });
  expect(written.status).toBe(200);
  expect(await (await fetch(`${base}/filesystem/%2Fnote.txt`)).json()).toMatchObject({ content: "kept" });
  const refused = await fetch(`${base}/process`, {
    method: "POST",
    body: JSON.stringify({ command: "true", waitForCompletion: true }),
  });
  expect(refused.status).toBe(422);
  expect(((await refused.json()) as { error: string }).error).toContain("no shell");
  await suite.port.remove(sandbox.id);
});

test("the image's entrypoint runs as a child of sandbox-api, in its working directory and environment", async () => {
  const entrypoint = ["/bin/sh", "-c", 'echo "$COLOUR in $PWD" > /tmp/entrypoint; sandbox-api & wait'];
  await addImage(
    suite.data.dir,
    "with-entrypoint",
    async (root) => {
      const base = await addScratchImage(suite.data.dir, { hasShell: true });
      expect(base).toBe("busybox");
      await Bun.$`mkdir -p ${root}/bin ${root}/tmp ${root}/app && cp /bin/busybox ${root}/bin/ && ln -s busybox ${root}/bin/sh && ln -s busybox ${root}/bin/cat`.quiet();
    },
    { entrypoint, env: { COLOUR: "green" }, workingDir: "/app" },
  );
  const sandbox = await suite.port.create(newSpec({ image: "with-entrypoint" }));
  const { stdout } = await runInside(sandbox, "while [ ! -s /tmp/entrypoint ]; do :; done; cat /tmp/entrypoint");
  expect(stdout).toBe("green in /app\n");
  await suite.port.remove(sandbox.id);
});
