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

test("F250 the image's own USER is who commands run as, where BL_SANDBOX_USER_ENABLED asks for it", async () => {
  const fill = async (root: string) => {
    await Bun.$`mkdir -p ${root}/bin ${root}/etc ${root}/tmp && cp /bin/busybox ${root}/bin/ && ln -s busybox ${root}/bin/sh`.quiet();
    await Bun.write(`${root}/etc/passwd`, "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n");
    await Bun.write(`${root}/etc/group`, "root:x:0:\napp:x:1000:\n");
  };
  await addImage(suite.data.dir, "with-user", fill, { user: "app" });
  for (const [env, expected] of [
    [{}, "0 0"],
    [{ BL_SANDBOX_USER_ENABLED: "true" }, "1000 1000"],
  ] as const) {
    const sandbox = await suite.port.create(newSpec({ image: "with-user", env }));
    const { stdout } = await runInside(sandbox, "echo $(/bin/busybox id -u) $(/bin/busybox id -g)");
    expect(stdout).toBe(`${expected}\n`);
    await suite.port.remove(sandbox.id);
  }
});

test("SHELL is bash only in images that have it", async () => {
  const image = await addScratchImage(suite.data.dir, { hasShell: true });
  const sandbox = await suite.port.create(newSpec({ image }));
  expect((await runInside(sandbox, "echo [$SHELL]")).stdout).toBe("[]\n");
  await suite.port.remove(sandbox.id);
});
