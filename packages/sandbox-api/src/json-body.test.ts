import { expect, test } from "bun:test";
import { ProcessRequest, WriteFileRequest } from "@dormouse/schema";
import { readConfig } from "./config.ts";
import { JsonFields } from "./json-body.ts";
import { readProcessRequest } from "./processes/process-request.ts";

const config = readConfig({ HOME: "/root" }, "/");

function isAccepted(body: object): boolean {
  try {
    readProcessRequest(new JsonFields(body), config);
    return true;
  } catch {
    return false;
  }
}

test("the hand-written reader and the schema accept and refuse the same process requests", () => {
  const samples: object[] = [
    { command: "x" },
    { command: "x", name: "n", env: { A: "b" }, timeout: -1, waitForPorts: [80], keepAlive: true, other: [] },
    { command: "" },
    {},
    { command: 7 },
    { command: "x", env: [] },
    { command: "x", env: { A: 1 } },
    { command: "x", waitForPorts: [0] },
    { command: "x", waitForPorts: "80" },
    { command: "x", maxRestarts: 0.5 },
    { command: "x", keepAlive: "yes" },
  ];
  for (const sample of samples) {
    expect([sample, isAccepted(sample)]).toEqual([sample, ProcessRequest.safeParse(sample).success]);
  }
});

test("the schema of file writes accepts what clients send", () => {
  for (const body of [{ content: "x" }, { isDirectory: true, permissions: "0755" }, { content: "", extra: 1 }]) {
    expect(WriteFileRequest.safeParse(body).success).toBe(true);
  }
});
