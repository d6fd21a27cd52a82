import { expect, test } from "bun:test";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse();

test("the server as it is installed serves the API reference, with everything that its page needs", async () => {
  const get = (path: string): Promise<Response> => fetch(`${suite.dormouse.url}/v0${path}`);
  expect(await (await get("/openapi.json")).json()).toMatchObject({
    openapi: "3.1.0",
    info: { title: "Dormouse API" },
  });
  const page = await (await get("/docs")).text();
  const assets = [...page.matchAll(/(?:href|src)="(docs\/[^"]+)"/g)].map(([, address = ""]) => address);
  expect(assets).toHaveLength(3);
  for (const asset of assets) {
    const answer = await get(`/${asset}`);
    expect({ asset, status: answer.status }).toEqual({ asset, status: 200 });
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    await answer.bytes();
  }
});

test("a browser at the server's address is led to it, a program is told", async () => {
  const get = (accept: string) => fetch(suite.dormouse.url, { redirect: "manual", headers: { accept } });
  const page = await get("text/html,*/*");
  expect([page.status, page.headers.get("location")]).toEqual([302, "/v0/docs"]);
  expect((await get("*/*")).status).toBe(404);
});
