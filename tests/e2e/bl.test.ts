import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BL, BlUser } from "../support/bl.ts";
import { eventually } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";

/* The executable as scripts use it, in pipes. */
const suite = useDormouse({ DORMOUSE_IDLE_MS: "500" });
let user: BlUser;

beforeAll(async () => {
  user = new BlUser({ BL_API_URL: suite.dormouse.env["BL_API_URL"] ?? "" });
  await user.stdout(["login", "default"], { env: { BL_API_KEY: suite.api.key } });
  await suite.api.create("box");
});

afterAll(() => user[Symbol.dispose]());

const listed = async (args: readonly string[]): Promise<readonly { metadata: { name: string } }[]> =>
  JSON.parse(await user.stdout(args)) as { metadata: { name: string } }[];

test("F274 get: a table for people, documents for programs", async () => {
  const table = await user.stdout(["get", "sandboxes"]);
  expect(table).toMatch(/^\| WORKSPACE \| NAME \| IMAGE +\| REGION \| STATUS +\| CREATED_AT \|$/m);
  expect(table).toMatch(/^\| default +\| box +\| blaxel\/base-image:latest +\| - +\| DEPLOYED \| \d{4}-\d\d-\d\d \|$/m);
  // oxlint-disable-next-line no-control-regex -- colours are what it is about
  expect(table).not.toMatch(/\u001b/);
  const [document] = JSON.parse(await user.stdout(["get", "sandbox", "box", "-o", "json"])) as unknown[];
  expect(document).toMatchObject({
    apiVersion: "blaxel.ai/v1alpha1",
    kind: "Sandbox",
    metadata: { name: "box", workspace: "default" },
    spec: { runtime: { image: "blaxel/base-image:latest" } },
    status: "DEPLOYED",
  });
  expect(await user.stdout(["get", "sbx", "box", "-o", "yaml"])).toMatch(
    /^---\napiVersion: blaxel\.ai\/v1alpha1\nkind: Sandbox\n/,
  );
  expect(await user.stdout(["get", "sandbox", "box", "-o", "pretty"])).toContain("kind: Sandbox\n");
});

test("lists come in pages, and say how to go on", async () => {
  await Promise.all(["page-1", "page-2"].map((name) => suite.api.create(name)));
  const { stdout, stderr } = await user.run(["get", "sandboxes", "--limit", "1"]);
  expect(stdout.match(/DEPLOYED/g)).toHaveLength(1);
  const cursor = /^Showing 1 of 3 sandboxes\. To see the next page run: bl get sandboxes --cursor (\S+)$/m.exec(
    stderr,
  )?.[1];
  const next = await listed(["get", "sandboxes", "--limit", "5", "--cursor", cursor ?? "", "-o", "json"]);
  expect(next).toHaveLength(2);
  expect(await listed(["get", "sandboxes", "--all", "-o", "json"])).toHaveLength(3);
  await user.stdout(["delete", "sandboxes", "page-1", "page-2"]);
});

test("empty lists say so to people, and are empty lists for programs", async () => {
  expect(await user.stdout(["get", "volumes"])).toBe("ℹ No volumes found\n");
  expect(await user.stdout(["get", "volumes", "-o", "json"])).toBe("[]\n");
  expect(await user.stdout(["get", "sandbox", "box", "previews"])).toBe("ℹ No previews found for sandbox box\n");
});

test("the hub shows the public images that are built here", async () => {
  expect(await user.stdout(["get", "sandbox-hub"])).toMatch(/^\| .+ \| blaxel\/base-image:latest +\| \d+ +\| /m);
  expect(await user.stdout(["get", "images"])).toBe("ℹ No images found\n");
});

test("ps shows who runs and who sleeps, and wakes nobody", async () => {
  await suite.api.untilState("box", "STANDBY");
  expect(await user.stdout(["ps"])).toMatch(
    /^\| box +\| STANDBY \| 512 MB \| \d+[smh] +\| blaxel\/base-image:latest \|$/m,
  );
  expect((await suite.api.get("box")).state).toBe("STANDBY");
});

test("F008 delete leaves nothing: no record, no file, no process", async () => {
  const { dataDir } = suite.dormouse;
  const secrets = () => [...new Bun.Glob("**/secret-of-gone.txt").scanSync({ cwd: dataDir, onlyFiles: true })];
  await suite.api.create("gone");
  await suite.api.write("gone", "/root/secret-of-gone.txt", "secret");
  await suite.api.process("gone", { command: "exec sleep 7002" });
  await eventually(() => expect([secrets().length, pidsOf("sleep 7002").length]).toEqual([1, 1]));
  const folders = suite.sandboxFolders();
  expect(await user.stdout(["delete", "sandbox", "gone"])).toBe("Resource Sandbox:gone deleted\n");
  expect([secrets(), pidsOf("sleep 7002")]).toEqual([[], []]);
  expect(suite.sandboxFolders()).toHaveLength(folders.length - 1);
  expect((await suite.api.call("GET", "/sandboxes/gone")).status).toBe(404);
  const { exitCode, stderr } = await user.run(["get", "sandbox", "gone"]);
  expect(exitCode).toBe(1);
  expect(stderr).toStartWith("✗ Get failed\nReason: Resource Sandbox:gone error: Cannot find sandbox");
});

/** On this machine, those inside sandboxes among them. */
const pidsOf = (commandLine: string): string[] =>
  readdirSync("/proc").filter((pid) => {
    const file = `/proc/${pid}/cmdline`;
    return (
      /^\d+$/.test(pid) && existsSync(file) && readFileSync(file, "utf8").replaceAll("\0", " ").trim() === commandLine
    );
  });

test("delete goes on after a failure, says which, and ends with 1", async () => {
  await suite.api.create("last");
  const { exitCode, stdout, stderr } = await user.run(["delete", "sandbox", "nobody", "last", "-o", "json"]);
  expect(exitCode).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    deleted: [{ kind: "Sandbox", name: "last" }],
    failed: [{ kind: "Sandbox", name: "nobody" }],
    success: false,
  });
  expect(stderr).toContain("✗ Delete failed\nReason: Resource Sandbox:nobody error:");
});

test("previews and their tokens: get, delete", async () => {
  await suite.api.createPreview("box", { port: 3000 }, "web");
  await suite.api.createToken("box", "web");
  expect(await user.stdout(["get", "sandbox", "box", "previews"])).toMatch(
    /^\| web +\| sandbox \| box +\| 3000 \| false +\| http/m,
  );
  const tokens = JSON.parse(await user.stdout(["get", "sandbox", "box", "preview", "web", "tokens", "-o", "json"])) as {
    metadata: { name: string };
  }[];
  const token = tokens[0]?.metadata.name ?? "";
  expect(await user.stdout(["get", "sandbox", "box", "preview", "web", "token", token])).toContain(token);
  expect(await user.stdout(["delete", "sandbox", "box", "preview", "web", "token", token])).toBe(
    `Resource PreviewToken:${token} deleted\n`,
  );
  expect(await user.stdout(["delete", "sandbox", "box", "preview", "web"])).toBe("Resource Preview:web deleted\n");
  expect((await user.run(["get", "previews"])).stderr).toContain("Run 'bl get sandbox SANDBOX previews'");
});

test("F274 run: any request to the API inside", async () => {
  const request = JSON.stringify({ command: "echo $((40+2))", waitForCompletion: true });
  const answer = await user.stdout(["run", "sandbox", "box", "--path", "/process", "-d", request]);
  expect(JSON.parse(answer)).toMatchObject({ stdout: "42\n", exitCode: 0 });
  const tmp = await user.stdout(["run", "sbx", "box", "--method", "GET", "--path", "/filesystem//tmp"]);
  expect(JSON.parse(tmp)).toMatchObject({ path: "/tmp", name: "tmp" });
  const failed = await user.run(["run", "sandbox", "box", "--method", "get", "--path", "/process/nobody"]);
  expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^✗ Run failed\nReason: /) });
  const noJson = await user.run(["run", "sandbox", "box", "--path", "/process", "-d", "ls"]);
  expect(noJson.stderr).toContain("a process is described in JSON");
});

test("exec passes on output as it is, input, environment and the exit code", async () => {
  const command = ["sh", "-c", 'printf "%s %s\\377" "$WHO" "$PWD"; echo err >&2; exit 7'];
  const child = user.spawn(["exec", "box", "--cwd", "/tmp", "--env", "WHO=a b", "--", ...command]);
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.out).bytes(),
    child.err.text(),
    child.exited,
  ]);
  expect(Buffer.from(stdout)).toEqual(Buffer.concat([Buffer.from("a b /tmp"), Buffer.from([0xff])]));
  expect({ stderr, exitCode }).toEqual({ stderr: "err\n", exitCode: 7 });
  const input = crypto.getRandomValues(new Uint8Array(60_000));
  const digest = new Bun.CryptoHasher("sha256").update(input).digest("hex");
  expect(await user.stdout(["exec", "box", "--", "sha256sum"], { input })).toBe(`${digest}  -\n`);
  expect((await user.run(["exec", "box", "--", "no-such-program"])).exitCode).toBe(127);
});

test("Ctrl-C ends what exec runs, inside too", async () => {
  using child = user.spawn(["exec", "box", "--", "sh", "-c", "echo started; exec sleep 7001"]);
  await firstText(child.out);
  await eventually(() => expect(pidsOf("sleep 7001")).toHaveLength(1));
  child.interrupt();
  expect(await child.exited).toBe(130);
  expect(pidsOf("sleep 7001")).toEqual([]);
});

async function firstText(stream: ReadableStream<Uint8Array>): Promise<string> {
  const { value } = await stream.getReader().read();
  return Buffer.from(value ?? []).toString();
}

test("cp: files and folders both ways, with permissions and links, large ones in parts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-cp-"));
  try {
    const tree = join(folder, "tree");
    mkdirSync(join(tree, "sub/empty"), { recursive: true });
    writeFileSync(join(tree, "sub/a b.sh"), "#!/bin/sh\necho hi\n");
    chmodSync(join(tree, "sub/a b.sh"), 0o755);
    writeFileSync(join(tree, "none"), "");
    symlinkSync("sub/a b.sh", join(tree, "link"));
    const large = Buffer.from(new Uint8Array(20 * 1024 * 1024).fill(7));
    writeFileSync(join(tree, "large.bin"), large);
    await user.stdout(["cp", tree, "box:/tmp/"]);
    expect(
      await suite.api.run(
        "box",
        "/tmp/tree/link; stat -c %a '/tmp/tree/sub/a b.sh'; wc -c < /tmp/tree/large.bin; ls -A /tmp/tree/sub/empty",
      ),
    ).toBe(`hi\n755\n${large.length}\n`);
    await user.stdout(["cp", "box:/tmp/tree", join(folder, "back")]);
    expect(readFileSync(join(folder, "back/large.bin")).equals(large)).toBeTrue();
    expect(readlinkSync(join(folder, "back/link"))).toBe("sub/a b.sh");
    expect(statSync(join(folder, "back/sub/a b.sh")).mode & 0o777).toBe(0o755);
    expect([existsSync(join(folder, "back/sub/empty")), readFileSync(join(folder, "back/none"), "utf8")]).toEqual([
      true,
      "",
    ]);
    await user.stdout(["cp", "box:/tmp/tree/sub/a b.sh", folder]);
    expect(readFileSync(join(folder, "a b.sh"), "utf8")).toContain("echo hi");
    expect(statSync(join(folder, "a b.sh")).mode & 0o777).toBe(0o755);
    const missing = await user.run(["cp", "box:/nowhere", folder]);
    expect(missing).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Reason: Cannot copy "/nowhere"') });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("cp out of a sandbox follows no link that an earlier copy made", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-cp-"));
  try {
    await suite.api.run("box", `mkdir -p /tmp/trap && ln -sfn ${folder} /tmp/trap/way`);
    await user.stdout(["cp", "box:/tmp/trap", join(folder, "copy")]);
    await suite.api.run("box", "rm /tmp/trap/way && mkdir /tmp/trap/way && echo caught > /tmp/trap/way/planted");
    await user.stdout(["cp", "box:/tmp/trap/.", join(folder, "copy")]);
    expect(existsSync(join(folder, "planted"))).toBeFalse();
    expect(readFileSync(join(folder, "copy/way/planted"), "utf8")).toBe("caught\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("logs of a process: at once, and as they come", async () => {
  await suite.api.process("box", {
    name: "talker",
    command: "echo one; echo two >&2; until [ -e /tmp/go ]; do sleep 0.01; done; echo three",
  });
  await eventually(async () => expect(await user.stdout(["logs", "sandbox", "box", "talker"])).toBe("one\ntwo\n"));
  using follower = user.spawn(["logs", "sandbox", "box", "talker", "-f"]);
  const text = follower.out.text();
  await suite.api.run("box", "touch /tmp/go");
  expect(await text).toBe("one\nthree\n");
  expect(await follower.err.text()).toBe("two\n");
  expect(await follower.exited).toBe(0);
  expect(await user.stdout(["get", "sandbox", "box", "processes"])).toMatch(/^\| talker +\| \d+ +\| completed \|/m);
});

test("F150 F272 logs of a sandbox: what its programs wrote, oldest first, with times; filters and periods", async () => {
  await suite.api.create("chatty");
  await suite.api.process("chatty", { name: "first", command: "echo apple", waitForCompletion: true });
  await suite.api.process("chatty", { name: "second", command: "echo pear", waitForCompletion: true });
  const logs = await user.stdout(["logs", "sandbox", "chatty"]);
  expect(logs).toMatch(/^\[\d{4}-\d\d-\d\d [\d:.]+\] \[first\] apple$[^]*^\[.+\] \[second\] pear$/m);
  const some = await user.stdout(["logs", "sandbox", "chatty", "--search", "pear", "--no-timestamps", "-p", "10m"]);
  expect(some).toBe("[second] pear\n");
  await suite.api.remove("chatty");
});

test("F260 each workspace has what is its own; an option, the environment or the login chooses", async () => {
  await suite.api.call("POST", "/workspaces", { body: { name: "second" } });
  await user.stdout(["login", "second"], { env: { BL_API_KEY: suite.api.key } });
  expect(await user.stdout(["workspaces"])).toMatch(/^NAME +CURRENT\ndefault\nsecond +\*\n$/);
  expect(await listed(["get", "sandboxes", "-o", "json"])).toEqual([]);
  expect(await listed(["get", "sandboxes", "-w", "default", "-o", "json"])).toHaveLength(1);
  const env = { BL_WORKSPACE: "default" };
  expect(await user.stdout(["get", "sandboxes"], { env })).toContain("| box ");
  const project = join(user.home, "project");
  mkdirSync(project);
  writeFileSync(join(project, "blaxel.toml"), 'workspace = "default"\n');
  expect(await user.stdout(["ps"], { cwd: project })).toContain("| box ");
  expect(await user.stdout(["workspaces", "default"])).toContain("Current workspace set to default.");
  expect(await user.stdout(["workspaces", "--current"])).toBe("default\n");
  expect(await user.stdout(["logout", "second"])).toBe("✓ Logged out from workspace second\n");
  await suite.api.call("DELETE", "/workspaces/second");
});

test("the environment's key comes before a login, which says so", async () => {
  const other = { BL_API_KEY: "dm_of-another-server" };
  const refused = await user.run(["get", "sandboxes"], { env: other });
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("unset it with 'unset BL_API_KEY' to use your login");
  const login = await user.run(["login", "default", "--api-key", suite.api.key], { env: other });
  expect(login.exitCode).toBe(0);
  expect(login.stderr).toBe(
    "⚠ BL_API_KEY is set in this shell and comes before this login: 'unset BL_API_KEY' to use it\n",
  );
});

test("completion offers commands, options and the names there are", async () => {
  const offered = async (...words: readonly string[]) =>
    (await user.stdout(["__complete", "--", ...words])).trim().split("\n");
  expect(await offered("del")).toEqual(["delete"]);
  expect(await offered("get", "sandboxes", "--li")).toEqual(["--limit"]);
  expect(await offered("get", "sandbox", "")).toEqual(["box"]);
  expect(await offered("get", "sandbox", "box", "p")).toEqual(["process", "preview"]);
  expect(await offered("logs", "sandbox", "box", "tal")).toEqual(["talker"]);
  for (const shell of ["bash", "zsh", "fish"])
    expect(await user.stdout(["completion", shell])).toContain("bl __complete");
  const script =
    'source <("$0" completion bash); bl() { "$BL" "$@"; }; COMP_WORDS=(bl exec b); COMP_CWORD=2; _bl_complete; echo "${COMPREPLY[@]}"';
  const shell = Bun.spawn(["bash", "-c", script, BL], { env: user.environment({ BL: BL }), stdout: "pipe" });
  expect(await shell.stdout.text()).toBe("box\n");
});

test("what does not work is said in two lines, and ends with 1", async () => {
  using nobody = new BlUser();
  const failure = async (who: BlUser, args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { exitCode, stdout, stderr } = await who.run(args, { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toMatch(/^✗ \S.* failed\nReason: \S/);
    return stderr;
  };
  expect(await failure(nobody, ["get", "sandboxes"])).toContain("⚠ Please run 'bl login' first");
  expect(await failure(user, ["get", "sandboxes", "-w", "other"])).toContain("Please run 'bl login other'");
  const wrong = { BL_WORKSPACE: "other", BL_API_KEY: suite.api.key };
  expect(await failure(user, ["get", "sandboxes"], wrong)).toContain("API key from environment variable BL_API_KEY");
  const away = { BL_API_URL: "http://127.0.0.1:9/v0", BL_WORKSPACE: "default", BL_API_KEY: "dm_x" };
  expect(await failure(nobody, ["ps"], away)).toContain("Reason: Cannot reach http://127.0.0.1:9");
  expect(await failure(nobody, ["wake-up"])).toContain("Reason: unknown command 'wake-up'");
  expect(await failure(user, ["connect", "box"])).toContain("bl exec box -- COMMAND");
});

test("every command has help with an example", async () => {
  const help = await user.stdout(["--help"]);
  const commands = [...help.matchAll(/^ {2}([a-z]\S+)/gm)]
    .map(([, name]) => name ?? "")
    .filter((name) => !["help", "version"].includes(name));
  expect(commands.length).toBeGreaterThan(10);
  for (const command of commands)
    expect(await user.stdout([command.split("|")[0] ?? "", "--help"])).toMatch(/^Examples?:$/m);
});
