/** Login links, and where one goes after logging in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { codeIn, wayBack } from "../../controller/dashboard/static/js/way_in.js";

const HERE = "http://127.0.0.1:8080";

test("a code is taken out of a fragment that is nothing else", () => {
  assert.equal(codeIn("#login=abcdefghijklmnop-_0123"), "abcdefghijklmnop-_0123");
  for (const other of ["", "#main", "#login=", "#login=short", "#x&login=abcdefghijklmnopqr"])
    assert.equal(codeIn(other), "", other);
});

test("one comes back to where one wanted to go", () => {
  for (const inside of ["/", "/sweeps/x?tab=yaml", "/projects/a%2Fb/charts?x=%7B%7D#y"])
    assert.equal(wayBack(inside, HERE), inside);
});

test("and never to another host, nor to the login again", () => {
  for (const outside of [
    null,
    "",
    "//evil.example/x",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "http://127.0.0.1:9999/",
    "/login?next=%2Flogin",
    "http://[",
  ])
    assert.equal(wayBack(outside, HERE), "/", String(outside));
});
