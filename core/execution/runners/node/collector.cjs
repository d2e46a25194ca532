// Lists the tests of files without running any: `node:test` is replaced by functions that only write names down.
'use strict';
const Module = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const found = [];
const broken = [];
let prefix = [];
let file = '';

const nothing = new Proxy(function () {}, {
  get: (target, key) => (key === 'then' || key === 'prototype' ? target[key] : nothing),
  apply: () => nothing,
  construct: () => nothing,
});

function nameOf(given) {
  const body = given.find((each) => typeof each === 'function');
  return typeof given[0] === 'string' ? given[0] : body?.name || '<anonymous>';
}

function test(...given) {
  found.push({ file, names: [...prefix, nameOf(given)] });
  return Promise.resolve();
}
function suite(...given) {
  const options = given.find((each) => each && typeof each === 'object');
  const before = prefix;
  prefix = [...prefix, nameOf(given)];
  try {
    if (!options?.skip) given.find((each) => typeof each === 'function')?.();
  } finally {
    prefix = before;
  }
  return Promise.resolve();
}
Object.assign(test, { skip: test, todo: test, only: test });
Object.assign(suite, { skip: () => Promise.resolve(), todo: suite, only: suite });
const hook = () => {};
const api = Object.assign(test, {
  test, it: test, describe: suite, suite, before: hook, after: hook, beforeEach: hook, afterEach: hook,
  mock: nothing, run: nothing, snapshot: nothing, assert: nothing, default: test,
});

const load = Module._load;
Module._load = function (request, ...rest) {
  return request === 'node:test' || request === 'test' ? api : load.call(this, request, ...rest);
};
globalThis[Symbol.for('quintet.tests')] = api;
Module.register(
  `data:text/javascript,${encodeURIComponent(`
    export async function resolve(name, context, next) {
      return name === 'node:test' || name === 'test' ? { url: 'quintet:tests', shortCircuit: true } : next(name, context);
    }
    export async function load(url, context, next) {
      if (url !== 'quintet:tests') return next(url, context);
      const names = 'test, it, describe, suite, before, after, beforeEach, afterEach, mock, run, snapshot, assert';
      const source = "const api = globalThis[Symbol.for('quintet.tests')]; export default api; export const { " + names + ' } = api;';
      return { format: 'module', shortCircuit: true, source };
    }
  `)}`,
);

let isWhole = false;
process.on('exit', () => {
  process.stdout.write(`\n${JSON.stringify({ found, broken, whole: isWhole })}\n`);
});

async function collect() {
  for (const given of process.argv.slice(2)) {
    file = given;
    const before = found.length;
    try {
      await import(pathToFileURL(path.resolve(given)).href);
    } catch (error) {
      broken.push(given);
      continue;
    }
    if (found.length === before) found.push({ file, names: [] });
  }
  isWhole = true;
  process.exit(0);
}
collect();
