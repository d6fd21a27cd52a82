import { expect, test } from "bun:test";
import { startBuildBench } from "../../testkit/builds.ts";
import { startServer, type Answer } from "../../testkit/server.ts";

interface Page {
  readonly data: readonly { readonly metadata: { readonly name: string } }[];
  readonly meta: { readonly hasMore: boolean; readonly nextCursor: string; readonly total: number };
}

const namesOf = ({ body }: Answer): string[] => (body as Page).data.map(({ metadata }) => metadata.name);

async function startWithSandboxes(names: readonly string[]) {
  let nowMs = 1_000;
  const server = await startServer({ clock: () => nowMs });
  for (const name of names) {
    nowMs += 1_000;
    await server.create(name);
  }
  return server;
}

test("F030 the newest come first, on one page of 50 by default", async () => {
  await using server = await startWithSandboxes(["b-old", "a-mid", "c-new"]);
  const answer = await server.call("GET", "/sandboxes");
  expect(namesOf(answer)).toEqual(["c-new", "a-mid", "b-old"]);
  expect((answer.body as Page).meta).toEqual({ hasMore: false, nextCursor: "", total: 3 });
});

test.each([
  ["createdAt:desc", ["e", "d", "c", "b", "a"]],
  ["createdAt:asc", ["a", "b", "c", "d", "e"]],
  ["name:asc", ["a", "b", "c", "d", "e"]],
  ["name:desc", ["e", "d", "c", "b", "a"]],
])("cursors walk every sandbox once in the order %s", async (sort, expected) => {
  await using server = await startWithSandboxes(["a", "b", "c", "d", "e"]);
  const names: string[] = [];
  let cursor = "";
  do {
    const page = await server.call("GET", `/sandboxes?limit=2&sort=${sort}${cursor && `&cursor=${cursor}`}`);
    names.push(...namesOf(page));
    expect((page.body as Page).meta.total).toBe(5);
    cursor = (page.body as Page).meta.nextCursor;
  } while (cursor !== "");
  expect(names).toEqual(expected);
});

test("sandboxes created in the same millisecond are neither lost nor doubled between pages", async () => {
  await using server = await startServer({ clock: () => 1_000 });
  for (const name of ["a", "b", "c", "d"]) await server.create(name);
  const first = await server.call("GET", "/sandboxes?limit=3");
  const rest = await server.call("GET", `/sandboxes?limit=3&cursor=${(first.body as Page).meta.nextCursor}`);
  expect([...namesOf(first), ...namesOf(rest)].sort()).toEqual(["a", "b", "c", "d"]);
});

test("F030 a filter by status goes by what is shown: of a sandbox that is built anew, by its build", async () => {
  let nowMs = 1_000;
  await using bench = await startBuildBench({ clock: () => nowMs });
  for (const name of ["a", "b", "c", "d"]) {
    nowMs += 1_000;
    await bench.deploy(name);
  }
  nowMs += 60_000;
  const shown = async (query: string) => {
    const { data, meta } = (await bench.server.call("GET", `/sandboxes?sort=name:asc&${query}`)).body as Page;
    return { names: data.map(({ metadata }) => metadata.name).join(), meta };
  };
  expect(await shown("status=DEPLOYED")).toMatchObject({ names: "a,b,c,d", meta: { total: 4 } });
  for (const name of ["b", "d"]) await bench.upload(await bench.begin(name, {}, "PUT"));
  expect(await shown("status=DEPLOYED")).toMatchObject({ names: "a,c", meta: { total: 2, hasMore: false } });
  const first = await shown("status=BUILDING&limit=1");
  expect(first).toMatchObject({ names: "b", meta: { total: 2, hasMore: true } });
  expect(await shown(`status=BUILDING&limit=1&cursor=${first.meta.nextCursor}`)).toMatchObject({
    names: "d",
    meta: { hasMore: false },
  });
  await bench.fail();
  expect(await shown("status=FAILED")).toMatchObject({ names: "d", meta: { total: 1 } });
  expect(await shown("status=BUILDING,DEPLOYED")).toMatchObject({ names: "a,b,c", meta: { total: 3 } });
});

test("F030 F031 q looks into name, display name and labels; status and externalId filter", async () => {
  await using server = await startWithSandboxes(["alpha", "beta"]);
  await server.call("POST", "/sandboxes", {
    metadata: { name: "gamma", displayName: "The ALPine", labels: { team: "red_1" }, externalId: "ext" },
  });
  expect(namesOf(await server.call("GET", "/sandboxes?q=alp&sort=name:asc"))).toEqual(["alpha", "gamma"]);
  expect(namesOf(await server.call("GET", "/sandboxes?q=red_1"))).toEqual(["gamma"]);
  expect(namesOf(await server.call("GET", "/sandboxes?q=redx1"))).toEqual([]);
  expect(namesOf(await server.call("GET", "/sandboxes?externalId=ext"))).toEqual(["gamma"]);
  expect(namesOf(await server.call("GET", "/sandboxes?status=FAILED,DEPLOYED&showTerminated=true"))).toHaveLength(3);
  expect(namesOf(await server.call("GET", "/sandboxes?status=FAILED"))).toEqual([]);
});

test.each([
  "limit=0",
  "limit=x",
  "sort=memory:asc",
  "status=HAPPY",
  "cursor=nonsense",
  "anchor=start",
  "anchor=end&sort=name:asc",
])("%s is 400", async (query) => {
  await using server = await startServer();
  const answer = await server.call("GET", `/sandboxes?${query}`);
  expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
});

test("F030 a page longer than 200 is cut, and a search for less than two characters finds everything", async () => {
  await using server = await startWithSandboxes(Array.from({ length: 205 }, (_, index) => `s-${index}`));
  expect((await server.call("GET", "/sandboxes?limit=500&q=%20x%20")).body).toMatchObject({
    data: { length: 200 },
    meta: { hasMore: true, total: 205 },
  });
});

test.each(["sort=name:asc", "sort=createdAt:asc", "q=aa", "status=DEPLOYED", "showTerminated=true", "anchor=end"])(
  "F030 a cursor continues its own list only, not one of %s",
  async (query) => {
    await using server = await startWithSandboxes(["a", "b"]);
    const { body } = await server.call("GET", "/sandboxes?limit=1");
    const answer = await server.call("GET", `/sandboxes?${query}&cursor=${(body as Page).meta.nextCursor}`);
    expect(answer).toMatchObject({ status: 400, body: { error: "INVALID_ARGUMENT" } });
  },
);

test("F030 a cursor lasts 24 hours", async () => {
  const time = { nowMs: 1_000 };
  await using server = await startServer({ clock: () => time.nowMs });
  for (const name of ["a", "b"]) await server.create(name);
  const { body } = await server.call("GET", "/sandboxes?limit=1");
  const next = () => server.call("GET", `/sandboxes?limit=1&cursor=${(body as Page).meta.nextCursor}`);
  time.nowMs += 24 * 3_600_000;
  expect(namesOf(await next())).toHaveLength(1);
  time.nowMs += 1;
  const answer = await next();
  expect(answer).toMatchObject({ status: 400 });
  expect(answer.body).toHaveProperty("message", expect.stringContaining("older than 24 hours"));
});

test.each([
  ["createdAt:desc", [["b", "a"], ["d", "c"], ["e"]]],
  ["createdAt:asc", [["d", "e"], ["b", "c"], ["a"]]],
])("F030 with anchor=end the last page comes first, and cursors lead back, in the order %s", async (sort, expected) => {
  await using server = await startWithSandboxes(["a", "b", "c", "d", "e"]);
  const pages: string[][] = [];
  let cursor = "";
  do {
    const page = await server.call("GET", `/sandboxes?limit=2&anchor=end&sort=${sort}${cursor && `&cursor=${cursor}`}`);
    pages.push(namesOf(page));
    cursor = (page.body as Page).meta.nextCursor;
  } while (cursor !== "");
  expect(pages).toEqual(expected);
});

test("clients of an older API version get all sandboxes as a bare array", async () => {
  await using server = await startWithSandboxes(Array.from({ length: 60 }, (_, index) => `s-${index}`));
  const answer = await server.call("GET", "/sandboxes", undefined, { "blaxel-version": "" });
  expect(answer.body).toBeArrayOfSize(60);
});

test("F032 a sandbox is found by its external id, the newest of several", async () => {
  let nowMs = 1_000;
  await using server = await startServer({ clock: () => nowMs });
  for (const name of ["first", "second"]) {
    nowMs += 1_000;
    await server.call("POST", "/sandboxes", { metadata: { name, externalId: "same" } });
  }
  const found = await server.call("GET", "/sandboxes/by-external-id/same");
  expect(found).toMatchObject({ status: 200, body: { metadata: { name: "second" } } });
  const missing = await server.call("GET", "/sandboxes/by-external-id/none");
  expect(missing).toMatchObject({ status: 404, body: { code: 404 } });
});
