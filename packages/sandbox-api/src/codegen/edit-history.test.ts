import { expect, test } from "bun:test";
import { EditHistory } from "./edit-history.ts";

test("a file's last edit is kept, of a hundred files at most", () => {
  const history = new EditHistory();
  for (let at = 0; at < 101; at++) history.record(`/f${at}`, { codeEdit: `${at}` });
  history.record("/f1", { codeEdit: "again" });
  history.record("/new", { codeEdit: "new" });
  expect(history.last("/f0")).toBeNull();
  expect(history.last("/f1")).toEqual({ codeEdit: "again" });
  expect(history.last("/f2")).toBeNull();
  expect(history.last("/f100")).toEqual({ codeEdit: "100" });
});

test("big edits push out old ones, and one that is too big is not kept", () => {
  const history = new EditHistory();
  const codeEdit = "x".repeat(3 * 1024 * 1024);
  for (const path of ["/a", "/b", "/c"]) history.record(path, { codeEdit });
  expect([history.last("/a"), history.last("/b")?.codeEdit.length]).toEqual([null, codeEdit.length]);
  history.record("/d", { codeEdit: codeEdit.repeat(3) });
  expect(history.last("/d")).toBeNull();
});
