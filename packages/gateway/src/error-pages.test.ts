import { describe, expect, test } from "bun:test";
import { AppError, type ErrorCode } from "@dormouse/kernel";
import { createErrorPages, type ErrorPageTemplates } from "./error-pages.ts";

const ERROR = new AppError("SANDBOX_NOT_FOUND", 'Cannot find sandbox "box": there is none', {
  hint: "Create it first",
});

const render = (templates: ErrorPageTemplates, error = ERROR, path = "/a"): string =>
  createErrorPages(templates).render(error, path);

test("the page of a code goes before that of its status, and that before the default", () => {
  const templates = { "SANDBOX_NOT_FOUND.html": "by code", "404.html": "by status", "default.html": "other" };
  expect(render(templates)).toBe("by code");
  expect(render(templates, new AppError("PREVIEW_NOT_FOUND", "x"))).toBe("by status");
  expect(render(templates, new AppError("UPSTREAM_UNREACHABLE", "x"))).toBe("other");
});

test("a template is filled in with what happened, what to do, the code, the status and the path", () => {
  const page = "{{status}}|{{ code }}|{{message}}|{{hint}}|{{requestPath}}";
  expect(render({ "404.html": page })).toBe(
    "404|SANDBOX_NOT_FOUND|Cannot find sandbox &#34;box&#34;: there is none|Create it first|/a",
  );
  expect(render({ "404.html": "[{{hint}}]" }, new AppError("ROUTE_NOT_FOUND", "x"))).toBe("[]");
});

test("no value can become markup or a placeholder of its own", () => {
  const hostile = `<script>alert(1)</script>"onload='x' \`&amp; {{status}}`;
  const error = new AppError("UNPROCESSABLE", hostile, { hint: hostile });
  const shown = render({ "default.html": `<p title="{{message}}">{{hint}}{{requestPath}}</p>` }, error, hostile);
  const inside = shown.slice(`<p title="`.length, -"</p>".length).replace(`">`, "");
  expect(inside).not.toMatch(/[<>"'`]|&(?!#\d+;)/);
  expect(inside.match(/\{\{status\}\}/g)).toHaveLength(3);
});

describe("our own page", () => {
  test.each([
    "UNAUTHENTICATED",
    "ROUTE_NOT_FOUND",
    "PREVIEW_EXPIRED",
    "UPSTREAM_UNREACHABLE",
    "HOST_FULL",
    "SANDBOX_START_TIMEOUT",
  ] satisfies ErrorCode[])("says for %s what happened, what to do next, and the code", (code) => {
    const error = new AppError(code, "Cannot do it: it is so", { hint: "Do something else" });
    const page = render({}, error, "/some/page");
    for (const text of [String(error.status), code, error.message, "Do something else", "/some/page"])
      expect(page).toContain(text);
    expect(page).not.toMatch(/\{\{|\bhttps?:|\bsrc=|\bhref=|@import|url\(/);
  });
});

test.each(["index.html", "200.html", "600.html", "NO_SUCH_CODE.html", "404.htm", "../404.html"])(
  "a file %s is refused, with the names there can be",
  (file) => {
    expect(() => createErrorPages({ [file]: "" })).toThrow(`Cannot use error page "${file}": no error has this name`);
  },
);

test.each(["{{mesage}}", "{{ }}", "{{constructor}}", "{{a b}}"])("a placeholder %s is refused", (placeholder) => {
  expect(() => createErrorPages({ "404.html": `<p>${placeholder}</p>` })).toThrow(/there is no value for "\{\{/);
});

test("braces of styles and scripts are left alone", () => {
  const template = "<style>@media print{a{b:c}}</style><script>if(x){y={z:{}}}</script>{ {status} }";
  expect(render({ "default.html": template })).toBe(template);
});
