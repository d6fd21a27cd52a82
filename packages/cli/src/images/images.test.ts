import { expect, test } from "bun:test";
import { useProject } from "../../testkit/project.ts";

const { server, bl } = useProject();

test("F105: share and unshare name the other workspace with -w, and ask as the current one", async () => {
  const shared = await bl("share", "image", "sandbox/app", "-w", "production");
  expect(shared).toMatchObject({ exitCode: 0, stdout: "✓ Image sandbox/app shared with workspace production\n" });
  const [request] = server().sent("POST", "images/sandbox/app/share");
  expect(request?.body).toEqual({ targetWorkspace: "production" });
  expect(request?.headers.get("x-blaxel-workspace")).toBe("main");
  const unshared = await bl("unshare", "image", "sandbox/app", "-w", "production");
  expect(unshared).toMatchObject({ exitCode: 0, stdout: "✓ Image sandbox/app unshared from workspace production\n" });
  expect(server().sent("DELETE", "images/sandbox/app/share/production")).toHaveLength(1);
});

test.each([
  [["share", "image", "sandbox/app"], "no workspace is named"],
  [["share", "image", "sandbox/app:v1", "-w", "production"], "sharing a specific tag is not supported"],
  [["unshare", "image", "a/b/c", "-w", "production"], "expected type/name"],
])("%p is refused with a reason", async (args, reason) => {
  const { exitCode, stderr } = await bl(...args);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(reason);
  expect(server().requests).toEqual([]);
});

test("image rm and gc", async () => {
  expect((await bl("image", "rm", "sandbox/app:v1")).stdout).toBe("Image tag sandbox/app:v1 deleted\n");
  expect(server().sent("DELETE", "images/sandbox/app%3Av1")).toHaveLength(1);
  expect((await bl("image", "gc")).stdout).toBe("✓ 1 image is deleted\n");
  expect(server().sent("DELETE", "images")).toHaveLength(1);
});
