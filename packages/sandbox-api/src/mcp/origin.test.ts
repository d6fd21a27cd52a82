import { expect, test } from "bun:test";
import { isForeignPage } from "./origin.ts";

const OUTSIDE = "203.0.113.7";

test("a page of somewhere else is foreign when its request comes from this machine (R-17)", () => {
  for (const peer of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) {
    expect(isForeignPage("https://evil.example", peer)).toBe(true);
    expect(isForeignPage("null", peer)).toBe(true);
    expect(isForeignPage("http://localhost.evil.example", peer)).toBe(true);
  }
});

test("pages of this machine, and whoever is no page, are not", () => {
  for (const origin of ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:80", "http://app.localhost"]) {
    expect(isForeignPage(origin, "127.0.0.1")).toBe(false);
  }
  expect(isForeignPage(null, "127.0.0.1")).toBe(false);
});

test("what comes from outside has passed the gateway, whatever page it comes from", () => {
  expect(isForeignPage("https://console.example", OUTSIDE)).toBe(false);
  expect(isForeignPage("https://console.example", `::ffff:${OUTSIDE}`)).toBe(false);
});
