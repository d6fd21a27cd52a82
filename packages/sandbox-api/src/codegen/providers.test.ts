import { AppError } from "@dormouse/kernel";
import { expect, test } from "bun:test";
import { findProvider } from "./providers.ts";
import { startProvider, type TestProvider } from "./testing/provider.ts";

const KEY = "rlc-very-secret-key";
const { signal } = new AbortController();

const relaceOf = ({ url }: TestProvider) => findProvider({ RELACE_API_KEY: KEY, RELACE_BASE_URL: `${url}/` });
const morphOf = ({ url }: TestProvider) => findProvider({ MORPH_API_KEY: KEY, MORPH_BASE_URL: `${url}/v1` });

async function failure(provider: TestProvider, reason = signal): Promise<AppError> {
  const thrown = await relaceOf(provider)
    ?.apply({ original: "a", codeEdit: "b" }, reason)
    .catch((error: unknown) => error);
  if (thrown instanceof AppError) return thrown;
  throw new Error(`no AppError: ${String(thrown)}`);
}

test("Relace wins over Morph, and without a key there is no provider", () => {
  expect(findProvider({ RELACE_API_KEY: KEY, MORPH_API_KEY: KEY })?.name).toBe("relace");
  expect(findProvider({ RELACE_API_KEY: "", MORPH_API_KEY: KEY })?.name).toBe("morphllm");
  expect(findProvider({ RELACE_BASE_URL: "http://127.0.0.1:1" })).toBeNull();
});

test("Relace is asked as it expects, its retired model name replaced (R-06)", async () => {
  using provider = startProvider(({ path }) =>
    Response.json(
      path === "/v1/code/apply" ? { mergedCode: "merged" } : { results: [{ filename: "a.ts", score: 0.9 }] },
    ),
  );
  const relace = relaceOf(provider);
  expect(await relace?.apply({ original: "a", codeEdit: "b", instructions: "why", model: "auto" }, signal)).toBe(
    "merged",
  );
  await relace?.apply({ original: "a", codeEdit: "b", model: "relace-apply-9" }, signal);
  const files = [{ path: "a.ts", content: "text" }];
  expect(await relace?.rank({ query: "q", files, tokenLimit: 7 }, signal)).toEqual(new Map([["a.ts", 0.9]]));
  expect(provider.calls.map(({ path, body }) => ({ path, body }))).toEqual([
    {
      path: "/v1/code/apply",
      body: { initial_code: "a", edit_snippet: "b", instruction: "why", model: "relace-apply-3", stream: false },
    },
    { path: "/v1/code/apply", body: { initial_code: "a", edit_snippet: "b", model: "relace-apply-9", stream: false } },
    { path: "/v2/code/rank", body: { query: "q", codebase: [{ filename: "a.ts", content: "text" }], token_limit: 7 } },
  ]);
  expect(provider.calls[0]?.authorization).toBe(`Bearer ${KEY}`);
});

test("Morph is asked as it expects", async () => {
  using provider = startProvider(({ path }) =>
    Response.json(
      path === "/v1/chat/completions"
        ? { choices: [{ message: { content: "merged" } }] }
        : { results: [{ index: 1, relevance_score: 0.8 }] },
    ),
  );
  const morph = morphOf(provider);
  expect(await morph?.apply({ original: "a", codeEdit: "b", instructions: "why" }, signal)).toBe("merged");
  const files = ["x", "y"].map((path) => ({ path, content: `of ${path}` }));
  expect(await morph?.rank({ query: "q", files, tokenLimit: 7 }, signal)).toEqual(new Map([["y", 0.8]]));
  const content = "<instruction>why</instruction>\n<code>a</code>\n<update>b</update>";
  expect(provider.calls.map(({ body }) => body)).toEqual([
    { model: "auto", messages: [{ role: "user", content }], stream: false },
    { model: "morph-rerank-v3", query: "q", documents: ["of x", "of y"] },
  ]);
});

test("a failure says the provider's status and reason, shortened, and never the key", async () => {
  using provider = startProvider(
    ({ authorization }) => new Response(`no: ${authorization} ${"x".repeat(5000)}`, { status: 401 }),
  );
  const error = await failure(provider);
  expect(error.status).toBe(422);
  expect(error.message).toStartWith("Cannot use Relace: it answered 401: no:");
  expect(error.message.length).toBeLessThan(400);
  expect(Bun.inspect(error)).not.toContain(KEY);
});

test("a redirect is not followed, as it would take the key along", async () => {
  using other = startProvider(() => Response.json({ mergedCode: "taken" }));
  using provider = startProvider(() => Response.redirect(other.url, 307));
  expect((await failure(provider)).message).toContain("it answered 307");
  expect(other.calls).toEqual([]);
});

test("an answer without code, without JSON, without end, or none at all is a failure", async () => {
  using hollow = startProvider(() => Response.json({ mergedCode: "" }));
  expect((await failure(hollow)).message).toContain("holds no merged code");
  using wordy = startProvider(() => new Response("<html>"));
  expect((await failure(wordy)).message).toContain("not a JSON object");
  using endless = startProvider(
    () => new Response(new ReadableStream({ pull: (sink) => sink.enqueue(new Uint8Array(1 << 20)) })),
  );
  expect((await failure(endless)).message).toContain("is larger than");
  using gone = startProvider(() => new Response());
  gone[Symbol.dispose]();
  expect((await failure(gone)).message).toContain("could not be reached");
});

test("the provider's work ends when nobody waits for it", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  using provider = startProvider(({ signal }) => {
    asked.resolve(signal);
    return new Promise<Response>(() => undefined);
  });
  const client = new AbortController();
  const failed = failure(provider, client.signal);
  const upstream = await asked.promise;
  const ended = new Promise((resolve) => upstream.addEventListener("abort", resolve));
  client.abort();
  await ended;
  expect((await failed).code).toBe("UNPROCESSABLE");
});
